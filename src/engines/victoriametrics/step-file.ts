/**
 * What was known when a process was ordered and is needed when it has ended, in the run's directory: whoever is told of
 * its end may not be who ordered it, and NATS may be away then.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunDirectory } from '../../runner/run-directory.ts';

const fileName = 'ordered.json';

export async function writeStepFile(directory: RunDirectory, known: object): Promise<string> {
  return await directory.writeJob(known, fileName);
}

/** What was written last. Rejects where nothing was. */
export async function readStepFile<Known>(directory: Pick<RunDirectory, 'path'>): Promise<Known> {
  return JSON.parse(await readFile(join(directory.path, fileName), 'utf8')) as Known;
}
