/** Commands that only the agent's own file defines: engines of kind `exec`, hooks, pings, credentials. */
import { z } from 'zod';
import { durationMs, durationText } from './quantities.ts';
import { absolutePath, nameText } from './texts.ts';

/** A command with its arguments; no shell interprets it. */
const argv = z.tuple([absolutePath], z.string());

const regularExpression = z.string().refine(isRegularExpression, 'is not a regular expression');

export const execSchema = z.strictObject({
  /** `{output}` is the directory of the backup, `{name}` the value of a parameter. */
  backup: argv,
  /** `{input}` is the directory of the backup, `{to}` where to restore. Without it backups cannot be restored by Reeve. */
  restore: argv.optional(),
  /** What the value of each parameter must match as a whole. */
  params: z.record(z.string(), regularExpression).optional(),
  /** Runs as this user; the agent must be root then. */
  user: z
    .string()
    .regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'is not the name of a user')
    .optional(),
  /** Variables of the agent's environment that it gets beside the usual. */
  env: z.array(z.string().regex(/^[A-Z_][A-Z0-9_]*$/, 'is not the name of a variable')).optional(),
  /** `json-lines`: it says on stdout how far it is, an object a line, with the fields of progress. */
  progress: z.literal('json-lines').optional(),
  /** What shows that a backup is whole: a file in `{output}`. Its exit status alone otherwise. */
  proof: z.strictObject({ file: z.string().regex(/^[^/\0]+$/, 'is not the name of a file') }).optional(),
  stop: z
    .strictObject({
      signal: z.enum(['TERM', 'INT', 'HUP', 'QUIT', 'USR1', 'USR2']).optional(),
      grace: durationText.optional(),
    })
    .optional(),
  /** It goes on in the same `{output}` where an attempt before it stopped. */
  resumable: z.boolean().optional(),
});

export const hookSchema = z.strictObject({
  run: argv,
  /** Default 30s. */
  timeout: durationText.optional(),
  /** Default fail. */
  onError: z.enum(['fail', 'ignore']).optional(),
});

export const credentialsSchema = z.strictObject({
  /** `user:password`, for HTTP. */
  basicAuthFile: absolutePath.optional(),
  /** The options file of a MariaDB client. */
  defaultsFile: absolutePath.optional(),
  passFile: absolutePath.optional(),
  file: absolutePath.optional(),
});

/** By the name of a schedule or a plan; `{schedule}`, `{plan}`, `{run}` and `{state}` are filled in. */
export const pingsSchema = z.record(nameText, z.string().regex(/^https?:\/\/[^\s]+$/, 'is not an http or https URL'));

export type ExecConfig = z.infer<typeof execSchema>;
export type CredentialsConfig = z.infer<typeof credentialsSchema>;

export interface HookConfig {
  run: [string, ...string[]];
  timeoutMs: number;
  onError: 'fail' | 'ignore';
}

export function hookConfigOf({ run, timeout, onError }: z.infer<typeof hookSchema>): HookConfig {
  return { run, timeoutMs: durationMs(timeout ?? '30s'), onError: onError ?? 'fail' };
}

function isRegularExpression(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}
