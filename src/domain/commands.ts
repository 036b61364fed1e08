/** The commands that a run takes by its mailbox, a schema each. */
import { z } from 'zod';
import type { RunKind } from './run.ts';

/** What any changing command may carry. */
export const commandFields = {
  /** A person's words, kept in the record. */
  note: z.string().max(1_000).optional(),
  /** Makes a repeat harmless. */
  requestId: z.string().min(1).max(128).optional(),
};

export const runCommands = {
  'backup.cancel': z.strictObject({ type: z.literal('backup.cancel'), ...commandFields }),
  'backup.suspend': z.strictObject({ type: z.literal('backup.suspend'), ...commandFields }),
  'backup.resume': z.strictObject({ type: z.literal('backup.resume'), ...commandFields }),
} as const;

/** What a run of one kind takes: `<kind>.cancel`, `<kind>.suspend` and `<kind>.resume`, a schema each. */
export function runCommandsOf(kind: RunKind): Readonly<Record<string, z.ZodType<RunCommand>>> {
  return Object.fromEntries(runVerbs.map(verb => [`${kind}.${verb}`, runCommand(`${kind}.${verb}`)]));
}

function runCommand(type: RunCommand['type']): z.ZodType<RunCommand> {
  return z.strictObject({ type: z.literal(type), ...commandFields });
}

export const runVerbs = ['cancel', 'suspend', 'resume'] as const;

/** A command to a run, as it stands in its mailbox. */
export interface RunCommand<Kind extends RunKind = RunKind> {
  type: `${Kind}.${(typeof runVerbs)[number]}`;
  note?: string | undefined;
  requestId?: string | undefined;
}
