/**
 * `engine.json` in a run's directory: which process the engine is, for whoever finds the directory after the agent that
 * started it is gone. It is written twice: the token before the process is started, its identity right after; so there
 * is no moment at which an engine runs that nobody could find.
 */
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { isProcessIdentity, type ProcessIdentity } from './process-identity.ts';
import { writeSyncedFile } from './synced-file.ts';

export interface EngineFile {
  version: 1;
  /** What every process of the run carries in its environment. */
  token: string;
  /** Null until the process was started. */
  identity: ProcessIdentity | null;
  /** The command and its arguments. */
  command: readonly string[];
  /** RFC 3339 UTC. */
  at: string;
}

const fileName = 'engine.json';

/** Writes it anew; it is whole and synced once this resolves. */
export async function writeEngineFile(runDirectory: string, file: EngineFile): Promise<void> {
  const next = join(runDirectory, `${fileName}.next`);
  await writeSyncedFile(next, `${JSON.stringify(file)}\n`);
  await rename(next, join(runDirectory, fileName));
}

/** What stands there; undefined where no engine was ever started, or the file is not one of ours. */
export async function readEngineFile(runDirectory: string): Promise<EngineFile | undefined> {
  const text = await readFile(join(runDirectory, fileName), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return text === undefined ? undefined : parse(text);
}

function parse(text: string): EngineFile | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    // A file that a power failure left empty names no process; any other error is not about the file.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (typeof json !== 'object' || json === null) return undefined;
  const { version, token, identity } = json as Record<string, unknown>;
  if (version !== 1 || typeof token !== 'string' || token === '') return undefined;
  return identity === null || isProcessIdentity(identity) ? (json as EngineFile) : undefined;
}
