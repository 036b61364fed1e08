/** Commands that only the agent's own file defines: engines of kind `exec`, hooks, pings, credentials. */
import { z } from 'zod';
import { durationMs, durationText } from './quantities.ts';
import { absolutePath, nameText } from './texts.ts';

/** A command with its arguments; no shell interprets it. */
const argv = z.tuple([absolutePath], z.string());

/** The names that an argument has in braces. */
export function placeholdersOf(argument: string): string[] {
  return [...argument.matchAll(/\{([a-zA-Z][a-zA-Z0-9_]*)\}/g)].map(([, name = '']) => name);
}

/** What fills `{output}` and the others is ours; every other name must be a parameter. */
const ownPlaceholders = { backup: ['output'], restore: ['input', 'to'] } as const;

const regularExpression = z.string().refine(isRegularExpression, 'is not a regular expression');

const execFields = z.strictObject({
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

/** A misspelt placeholder is found when the agent reads its file, not when a run passes it on as it stands. */
export const execSchema = execFields.superRefine((exec, context) => {
  const params = Object.keys(exec.params ?? {});
  for (const name of params)
    if (['output', 'input', 'to'].includes(name))
      context.addIssue({ code: 'custom', path: ['params', name], message: 'is the name of a placeholder of ours' });
  for (const task of ['backup', 'restore'] as const) {
    const [command = '', ...args] = exec[task] ?? [];
    const complain = (message: string) => context.addIssue({ code: 'custom', path: [task], message });
    if (exec[task] === undefined) continue;
    if (placeholdersOf(command).length > 0) complain('has a placeholder for its command');
    const used = args.flatMap(placeholdersOf);
    for (const name of ownPlaceholders[task]) if (!used.includes(name)) complain(`has no {${name}}`);
    const known: readonly string[] = [...ownPlaceholders[task], ...params];
    for (const name of used) if (!known.includes(name)) complain(`has {${name}}, which is no parameter`);
  }
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
