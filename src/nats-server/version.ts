/** Versions of nats-server, and what each can. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** The oldest version that Reeve works with. */
export const oldestSupported = '2.9.0';

/** The version of a binary, such as `2.10.4`; undefined where it does not run or is no nats-server. */
export async function versionOf(path: string): Promise<string | undefined> {
  const said = await execute(path, ['--version'], { timeout: 10_000 }).catch(() => undefined);
  return said && /^nats-server: v(\d+\.\d+\.\d+)/.exec(said.stdout)?.[1];
}

export function isSupported(version: string): boolean {
  return isAtLeast(version, oldestSupported);
}

/** Compares versions of three numbers. */
export function isAtLeast(version: string, least: string): boolean {
  const [ours, theirs] = [version, least].map(text => text.split('.').map(Number));
  for (const [at, wanted] of (theirs ?? []).entries()) {
    const have = ours?.[at] ?? 0;
    if (have !== wanted) return have > wanted;
  }
  return true;
}
