/** Command lines that read a repository alone: a directory for it, entries for its manifests, and no server to reach. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import type { ManifestLine } from '../../src/repository/manifest.ts';
import { type Ran, reeve } from './run-reeve.ts';

export const attributes = { mode: 0o755, uid: 0, gid: 0, mtimeUs: 0 };
export const source = { type: 'directory', path: '', ...attributes } as const satisfies ManifestLine;

/** A file that is one hole. */
export const file = (path: string, size: number, more = {}): ManifestLine => ({
  ...{ type: 'file', path, size, content: size === 0 ? [] : [[size]], ...attributes, ...more },
});

export interface Offline {
  /** A path in the directory, which is there while the tests of the file run. */
  path: (...names: string[]) => string;
  /** Runs a command line in it. */
  run: (...words: string[]) => Promise<Ran>;
}

export function offline(): Offline {
  let directory = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'reeve-offline-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  // A server that is not there: nothing here may need it.
  const variables = { REEVE_NATS_URL: 'nats://127.0.0.1:1' };
  return { path: (...names) => join(directory, ...names), run: (...words) => reeve(words, { directory, variables }) };
}
