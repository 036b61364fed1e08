/** The commands that a run takes by its mailbox, a schema each. */
import { z } from 'zod';
import { type PlainCommand, plainCommand } from '../core/plain-command.ts';
import type { Schema } from '../core/schema.ts';
import type { RunKind } from './run.ts';

/** What any changing command may carry. */
export const commandFields = {
  /** A person's words, kept in the record. */
  note: z.string().max(1_000).optional(),
  /** Makes a repeat harmless. */
  requestId: z.string().min(1).max(128).optional(),
};

/** What a run of one kind takes: `<kind>.cancel`, `<kind>.suspend` and `<kind>.resume`, a schema each. */
export function runCommandsOf(kind: RunKind): Readonly<Record<string, Schema<RunCommand>>> {
  return Object.fromEntries(runVerbs.map(verb => [`${kind}.${verb}`, plainCommand(`${kind}.${verb}` as const)]));
}

export const runVerbs = ['cancel', 'suspend', 'resume'] as const;

/** A command to a run, as it stands in its mailbox. */
export type RunCommand<Kind extends RunKind = RunKind> = PlainCommand<`${Kind}.${(typeof runVerbs)[number]}`>;
