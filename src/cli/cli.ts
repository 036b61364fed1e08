/** What command modules are built with: the environment, and how an action becomes an exit status. */
import { type Command, InvalidArgumentError } from 'commander';
import { parseDuration } from '../core/durations.ts';
import type { Environment } from './environment.ts';
import { Session, type SharedOptions } from './session.ts';

export interface Cli {
  readonly environment: Environment;
  /**
   * Makes an action of commander's out of `run`, which gets a session, then the arguments and the options, and answers
   * the exit status. What `run` throws is told and becomes its status; the connection is closed either way.
   */
  action<Arguments extends unknown[]>(
    run: (session: Session, ...given: Arguments) => Promise<number>,
  ): (...given: unknown[]) => Promise<void>;
}

/** A `Cli` that hands each command's exit status to `ended`. */
export function createCli(environment: Environment, ended: (status: number) => void): Cli {
  return {
    environment,
    action<Arguments extends unknown[]>(run: (session: Session, ...given: Arguments) => Promise<number>) {
      return async (...given: unknown[]) => {
        const command = given.at(-1) as Command;
        const session = new Session(environment, command.optsWithGlobals<SharedOptions>());
        try {
          ended(await run(session, ...(given as Arguments)));
        } catch (error) {
          ended(session.fail(error));
        } finally {
          await session.close();
        }
      };
    },
  };
}

/** Parses the value of an option that is a duration, in milliseconds. */
export function durationOption(text: string): number {
  const durationMs = parseDuration(text);
  if (durationMs === undefined)
    throw new InvalidArgumentError('It is not a duration: write for example 30s, 15m or 2h, at most 36500d.');
  return durationMs;
}

/** Parses the value of an option that is a count from 1. */
export function countOption(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text))
    throw new InvalidArgumentError('It is not a count: write a whole number from 1 to 999999.');
  return Number(text);
}

/** Gathers the values of an option that may be given several times. */
export function eachOption(text: string, before: string[] | undefined): string[] {
  return [...(before ?? []), text];
}

/** Examples under a command's help. */
export function examples(...lines: [string, string][]): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  return `\nExamples:\n${lines.map(([command, what]) => `  ${command.padEnd(width)}  # ${what}`).join('\n')}\n`;
}
