/** What a prune takes of memory where a repository has very many chunks: a million in a soak. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { FrameChunks, frameChunksMax, plainFrame } from '../../../src/repository/frame.ts';
import type { ManifestLine } from '../../../src/repository/manifest.ts';
import { PackDraft } from '../../../src/repository/pack-draft.ts';
import { indexPacks } from '../../../src/repository/pack-list.ts';
import { openOrCreateRepository, type Repository } from '../../../src/repository/repository.ts';
import { discardRun, openRunDirectory } from '../../../src/repository/run-files.ts';
import { commitManifest } from '../../repository/staged-manifest.ts';
import { repetitions } from '../../support/repetitions.ts';
import { scratch, startEngine } from './engine-process.ts';

const chunks = repetitions(1_000_000, 20);
const framesAPack = 8;
const attributes = { mode: 0o644, uid: 0, gid: 0, mtimeUs: 0 };
const hashOf = (number: number): Buffer => createHash('sha256').update(`${number}`).digest();

/** Packs of chunks of one byte: what they hold is no matter of a prune, only their hashes are. */
async function storeAll(repository: Repository): Promise<void> {
  const body = Buffer.alloc(frameChunksMax);
  for (let from = 0; from < chunks; from += framesAPack * frameChunksMax) {
    const draft = new PackDraft(repository, 'all');
    for (let frame = 0; frame < framesAPack; frame += 1) {
      const head = new FrameChunks();
      for (let at = 0; at < frameChunksMax; at += 1) head.add(hashOf(from + frame * frameChunksMax + at), 1);
      draft.write(plainFrame(body, head.take()));
    }
    await draft.end();
  }
}

/** Files of one chunk each. */
function* linesOf(count: number): Generator<ManifestLine> {
  yield { type: 'directory', path: '', ...attributes };
  for (let number = 0; number < count; number += 1) {
    const path = String(number).padStart(8, '0');
    const content: [number, string][] = [[1, hashOf(number).toString('hex')]];
    yield { type: 'file', path, size: 1, seen: '1:1', content, ...attributes };
  }
}

test('a prune has bounded memory, however many chunks there are', async () => {
  const directory = scratch(onTestFinished);
  const path = join(directory, 'repository');
  const repository = await openOrCreateRepository(path);
  await openRunDirectory(repository, 'all');
  await storeAll(repository);
  await indexPacks(repository, 'all');
  await commitManifest(repository, 'all', linesOf(chunks));
  await discardRun(repository, 'all');
  await commitManifest(repository, 'half', linesOf(Math.floor(chunks / 2)));
  await discardRun(repository, 'half');
  const job = { task: 'prune', run: 'prune-1', repository: path, backups: ['all'] };
  const engine = startEngine(directory, job);
  let peakKiB = 0;
  const watching = setInterval(() => {
    peakKiB = Math.max(peakKiB, residentKiB(engine.process.pid));
  }, 20);
  onTestFinished(() => clearInterval(watching));
  expect(await engine.ended).toMatchObject({ status: 0 });
  process.stderr.write(`measured: a prune of ${chunks} chunks: ${Math.round(peakKiB / 1024)} MB\n`);
  expect(engine.events.at(-1)).toMatchObject({ result: { task: 'prune', copied: { packs: 0 } } });
  expect(peakKiB).toBeGreaterThan(0);
  expect(peakKiB).toBeLessThan(300 * 1024);
});

/** The most that the process ever had; 0 where it is over. */
function residentKiB(pid: number | undefined): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
