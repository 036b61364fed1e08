/** What a backup takes over from a last manifest that somebody forged: nothing that is not so. */
import { lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { findBackup } from '../../../src/repository/backup-list.ts';
import { settleSlot } from '../../../src/repository/commit-slot.ts';
import { type ManifestLine, parseLine } from '../../../src/repository/manifest.ts';
import { manifestPath, openRepository, type Repository } from '../../../src/repository/repository.ts';
import { stageManifest } from '../../repository/staged-manifest.ts';
import { eventually } from '../../support/eventually.ts';
import { backUpAndCommit, backupJob, scratch } from './engine-process.ts';
import { doHere } from './in-process.ts';
import { describeTree, noise } from './trees.ts';

const { signal } = new AbortController();
const names = ['bits', 'empty', 'mode', 'more', 'owner', 'sparse', 'time', 'zeros'] as const;
type Name = (typeof names)[number];

/** What is changed in the line of the file of that name. */
const forgeries: Partial<Record<Name, object>> = {
  bits: { mode: 0o100644 },
  mode: { mode: 0o4777 },
  more: { more: 'x'.repeat(1000) },
  owner: { uid: 4_321 },
  sparse: { sparse: true },
  time: { mtimeUs: 1 },
  zeros: { content: [[1_000, '0'.repeat(64)]] },
};

/** The body of a backup's manifest, to the letter. */
async function bodyOf(repository: Repository, run: string): Promise<string> {
  const bytes = readFileSync(manifestPath(repository, (await findBackup(repository, run)).manifest));
  return zstdDecompressSync(bytes.subarray(bytes.indexOf('\n') + 1)).toString();
}

test('a file is taken over only where its line says what is so, and read where its chunks are not there', async () => {
  const directory = scratch(onTestFinished);
  const [source, path] = [join(directory, 'source'), join(directory, 'repository')];
  mkdirSync(source);
  for (const name of names) writeFileSync(join(source, name), name === 'empty' ? '' : noise(1_000, name));
  await eventually('every change is 60 ms old', () => Date.now() - lstatSync(join(source, 'zeros')).ctimeMs > 60);
  await backUpAndCommit(directory, 'p-1', source, path);
  const repository = await openRepository(path);
  const first = await bodyOf(repository, 'p-1');

  const lines = first.trimEnd().split('\n').map(parseLine).slice(0, -1);
  const forged = lines.map(line => ('path' in line ? { ...line, ...forgeries[line.path as Name] } : line));
  const { plan } = backupJob('p-2', source, path);
  const manifest = await stageManifest(repository, 'p-2', forged as ManifestLine[], { plan, source });
  const at = new Date(Date.now() + 1_000).toISOString();
  await settleSlot(repository, { slot: 'manifest', run: 'p-2', manifest, outcome: 'completed', at }, signal);

  const third = await backUpAndCommit(directory, 'p-3', source, path);
  expect(third).toMatchObject({ bytesRead: 2_000, bytesStored: 0 }); // `time` and `zeros`
  expect(await bodyOf(repository, 'p-2')).toContain('"more"');
  expect(await bodyOf(repository, 'p-3')).toBe(first);
  await doHere({ task: 'restore', repository: path, backup: 'p-3', to: join(directory, 'out'), include: [] });
  expect(describeTree(join(directory, 'out'))).toEqual(describeTree(source));
});
