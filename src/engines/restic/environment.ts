/** What restic gets in its environment: where and by which secrets; so that none is in its arguments, which all can see. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineScope } from '../engine.ts';
import { permanent } from '../failures.ts';
import { resticRepositoryOf } from './scope.ts';

/** The variables for a call, read anew each time: a rotated secret holds from the next attempt on. */
export async function resticEnvironment(
  scope: Pick<EngineScope, 'repository' | 'config'>,
): Promise<Record<string, string>> {
  const { url, passwordFile, envFile } = resticRepositoryOf(scope);
  return {
    ...(envFile === undefined ? {} : await readEnvFile(envFile)),
    RESTIC_REPOSITORY: url,
    RESTIC_PASSWORD_FILE: passwordFile,
    RESTIC_CACHE_DIR: join(scope.config.data, 'cache', 'restic'),
    RESTIC_PROGRESS_FPS: '1',
  };
}

/** Lines `NAME=value`, with or without `export` and quotes around the value; `#` begins a line that says nothing. */
async function readEnvFile(path: string): Promise<Record<string, string>> {
  const hint = 'correct the envFile of the repository; the next attempt reads it anew';
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    throw permanent('auth-failed', `cannot read the envFile ${path}: ${cause.message}`, hint, { cause });
  });
  const variables: Record<string, string> = {};
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [, name, value = ''] = /^\s*(?:export\s+)?([A-Za-z_]\w*)=(.*?)\s*$/.exec(line) ?? [];
    // The line itself may hold a secret: only its number is told.
    if (name === undefined) throw permanent('auth-failed', `line ${index + 1} of ${path} is not NAME=value`, hint);
    variables[name] = /^(["']).*\1$/.test(value) ? value.slice(1, -1) : value;
  }
  return variables;
}

/** Shorter ones would take letters out of every word. */
const secretLengthMin = 4;

/** A text without the values of the envFile, the password, and what a URL has before its `@`. */
export async function redacted(scope: Pick<EngineScope, 'repository'>, text: string): Promise<string> {
  const { passwordFile, envFile } = resticRepositoryOf(scope);
  const password = await readFile(passwordFile, 'utf8').catch(() => '');
  const variables = envFile === undefined ? {} : await readEnvFile(envFile).catch(() => ({}));
  const secrets = [password.trim(), ...Object.values(variables)].filter(each => each.length >= secretLengthMin);
  const longestFirst = secrets.sort((one, other) => other.length - one.length);
  return withoutUserInfo(longestFirst.reduce((left, secret) => left.replaceAll(secret, '***'), text));
}

/** The URL of a repository as people may see it. */
export function shownUrl(scope: Pick<EngineScope, 'repository'>): string {
  return withoutUserInfo(resticRepositoryOf(scope).url);
}

function withoutUserInfo(text: string): string {
  return text.replace(/\/\/[^/\s@]+@/g, '//***@');
}
