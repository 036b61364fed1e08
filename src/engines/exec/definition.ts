/**
 * The command of a plan, as the agent's own file defines it. A plan only names it and gives values for its parameters,
 * so whoever may put plans can choose among what was allowed beforehand, and nothing else.
 *
 * 1. A value matches its regular expression as a whole. It is checked when the plan is put, and again at each run, for
 *    the file may have changed since.
 * 2. A value never becomes an option by itself: what fills the beginning of an argument does not begin with a dash.
 */
import { nearest } from '../../core/nearest.ts';
import type { AgentConfig } from '../../domain/agent-config.ts';
import type { EngineConfigOf } from '../../domain/engine-config.ts';
import { type ExecConfig, placeholdersOf } from '../../domain/exec-config.ts';
import type { Plan } from '../../domain/plan.ts';
import { permanent } from '../failures.ts';

export interface Definition extends ExecConfig {
  /** Its name in the agent's file. */
  name: string;
  /** The plan's values, checked. */
  values: Readonly<Record<string, string>>;
}

type WithEngine = Pick<Plan, 'engine'>;

/** What the agent's file says of a plan's command; undefined where it has none: a run may have to be stopped after that. */
export function execOf({ engine }: WithEngine, { exec }: AgentConfig): ExecConfig | undefined {
  const { use } = engine as EngineConfigOf<'exec'>;
  return Object.hasOwn(exec, use) ? exec[use] : undefined;
}

/** Throws a FailureError where the agent's file has no such command, or does not take the plan's values. */
export function definitionOf({ engine }: WithEngine, config: AgentConfig): Definition {
  const { use, params = {} } = engine as EngineConfigOf<'exec'>;
  const found = execOf({ engine }, config);
  if (!found) {
    const near = nearest(use, Object.keys(config.exec));
    const hint = near ? `did you mean ${near}?` : `define it under exec in the file of agent ${config.name}`;
    throw permanent('engine-failed', `agent ${config.name} has no exec ${use}`, hint);
  }
  checkParams(use, found.params ?? {}, params);
  return { ...found, name: use, values: params };
}

function checkParams(use: string, patterns: Record<string, string>, values: Record<string, string>): void {
  const fail = (message: string, hint: string) => permanent('engine-failed', `exec ${use}: ${message}`, hint);
  for (const name of Object.keys(values))
    if (!Object.hasOwn(patterns, name)) {
      const known = Object.keys(patterns).join(', ') || 'none';
      throw fail(`it has no parameter ${name}`, `its parameters are: ${known}`);
    }
  for (const [name, pattern] of Object.entries(patterns)) {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) throw fail(`the parameter ${name} is missing`, `give it under params: it is ${pattern}`);
    if (!new RegExp(`^(?:${pattern})$`, 'u').test(value))
      throw fail(`the parameter ${name} does not match`, `the agent's file wants ${pattern} for the whole value`);
  }
}

/** An argument list with its placeholders filled in, each once: what a value has in braces stays as it is. */
export function filled(args: readonly string[], values: Readonly<Record<string, string>>): string[] {
  return args.map(argument => {
    const text = argument.replace(/\{([a-zA-Z][a-zA-Z0-9_]*)\}/g, (whole, name: string) =>
      Object.hasOwn(values, name) ? (values[name] ?? '') : whole,
    );
    const unknown = placeholdersOf(argument).find(name => !Object.hasOwn(values, name));
    if (unknown !== undefined) throw permanent('engine-failed', `nothing fills {${unknown}} in ${argument}`, '');
    if (text.startsWith('-') && !argument.startsWith('-'))
      throw permanent('engine-failed', `${argument} would become the option ${text}`, 'give another value');
    return text;
  });
}
