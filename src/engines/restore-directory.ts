/**
 * The directory that a restore by a tool goes to: new or empty, unless an attempt of the same run began there. That it
 * did stands in the run's own directory, for a tool may refuse a directory with a file of ours in it.
 */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FailureError } from '../core/failure.ts';
import { targetError } from '../repository/restore-target.ts';
import type { EngineScope } from './engine.ts';

const markName = 'restores-into.json';

/** Makes it where it is missing. Rejects with a failure where it holds what this run did not put there. */
export async function takeRestoreDirectory(
  { directory }: Pick<EngineScope, 'directory'>,
  to: string,
): Promise<{ isRepeated: boolean }> {
  const mark = await readFile(join(directory.path, markName), 'utf8').catch(() => undefined);
  const isRepeated = mark !== undefined && (JSON.parse(mark) as { to?: unknown }).to === to;
  try {
    await mkdir(to, { recursive: true, mode: 0o700 });
    if (!isRepeated && (await readdir(to)).length > 0)
      throw new FailureError({
        kind: 'permanent',
        code: 'target-not-empty',
        message: `${to} is not empty: a restore never writes among other files`,
        hint: 'name a directory that is empty, or not there yet',
      });
  } catch (error) {
    throw targetError(to, error);
  }
  await directory.writeJob({ to }, markName);
  return { isRepeated };
}
