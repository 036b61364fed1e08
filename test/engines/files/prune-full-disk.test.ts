/** Prunes of a repository on a disk without a byte free, on file systems that count blocks in two ways. */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { condemnedPacks } from '../../../src/repository/pack-names.ts';
import { openOrCreateRepository, openRepository, type Repository } from '../../../src/repository/repository.ts';
import { checkRepository } from '../../../src/repository/repository-check.ts';
import { backUp, readAll, SmallRun } from '../../repository/small-runs.ts';
import { unneededPacks } from '../../repository/unneeded-packs.ts';
import { runJob } from './engine-process.ts';

const diskBytes = 4 * 1024 * 1024;

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'reeve-prune-full-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const mounts: Record<string, (path: string) => void> = {
  tmpfs: path => run('mount', '-t', 'tmpfs', '-o', `size=${diskBytes}`, 'tmpfs', path),
  // Small blocks: so a directory is full after a few names.
  ext4: path => {
    const image = `${path}.image`;
    writeFileSync(image, '');
    truncateSync(image, diskBytes);
    run('mkfs.ext4', '-q', '-b', '1024', '-m', '0', image);
    run('mount', '-o', 'loop', image, path);
  },
};

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: 'pipe' });
}

/** Takes every byte there is. */
function fill(disk: string): void {
  for (const bytes of [1024 * 1024, 64 * 1024, 1024, 1]) {
    const file = openSync(join(disk, `ballast-${bytes}`), 'w');
    try {
      for (;;) writeSync(file, Buffer.alloc(bytes));
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC');
    } finally {
      closeSync(file);
    }
  }
  expect(() => writeFileSync(join(disk, 'ballast'), '1')).toThrow('ENOSPC');
}

function freeBytes(disk: string): number {
  const { bfree, bsize } = statfsSync(disk);
  return bfree * bsize;
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

describe.each(Object.keys(mounts))('on a full disk (%s)', kind => {
  let disk: string;
  let refused: string | null = null;

  beforeAll(() => {
    disk = join(directory, kind);
    mkdirSync(disk);
    try {
      mounts[kind]?.(disk);
    } catch (error) {
      refused = error instanceof Error ? error.message : String(error);
      process.stderr.write(`SKIPPED: no small ${kind}: ${refused}\n`);
      if (process.env.CI && kind === 'tmpfs') throw new Error(`CI must run this test: ${refused}`);
    }
  });
  afterAll(() => {
    if (refused === null) run('umount', disk);
  });

  test('backups are removed and their packs taken away, and nothing is copied, which is said', async context => {
    if (refused !== null) context.skip('mounting needs root');
    const repository = await openAnew(disk);
    await backUp(repository, 'first', numbers(0, 60));
    await backUp(repository, 'second', numbers(60, 120));
    await backUp(repository, 'kept', [...numbers(0, 10), 120]);
    fillSlots(repository);
    fill(disk);
    const { path } = repository;
    const backups = ['first', 'second'];
    const result = await runJob(directory, { task: 'prune', run: 'prune-1', repository: path, backups });
    expect(result).toMatchObject({ packs: 1, copied: { packs: 0, isCutShort: true }, pending: { packs: 0 } });
    expect(freeBytes(disk)).toBeGreaterThan(result.bytes / 2);
    expect(await readAll(repository)).toEqual(new Map([['kept', new Set([...numbers(0, 10), 120])]]));
    expect(await damages(path)).toEqual([]);
  });

  test('what a run may count on waits for it, and goes afterwards', async context => {
    if (refused !== null) context.skip('mounting needs root');
    const repository = await openAnew(disk);
    await backUp(repository, 'old', numbers(0, 60));
    await backUp(repository, 'kept', [70]);
    const writer = await SmallRun.begin(repository, 'run');
    fill(disk);
    const job = { task: 'prune', run: 'prune-1', repository: repository.path } as const;
    const first = await runJob(directory, { ...job, backups: ['old'] });
    expect(first).toMatchObject({ packs: 0, pending: { packs: 1, writers: { count: 1 } } });
    for (const name of readdirSync(disk)) if (name.startsWith('ballast')) rmSync(join(disk, name));
    await writer.void();
    fill(disk);
    expect(await runJob(directory, { ...job, backups: [] })).toMatchObject({ packs: 1, pending: { packs: 0 } });
    expect(await readAll(repository)).toEqual(new Map([['kept', new Set([70])]]));
    expect(await unneededPacks(repository)).toEqual([]);
    expect(await condemnedPacks(repository)).toEqual([]);
    expect(await damages(repository.path)).toEqual([]);
  });
});

function openAnew(disk: string): Promise<Repository> {
  for (const name of readdirSync(disk))
    if (name !== 'lost+found') rmSync(join(disk, name), { recursive: true, force: true });
  return openOrCreateRepository(join(disk, 'repository'));
}

/** Leaves no room for a further name in a block of 1,024 bytes, as removals of long ago may. */
function fillSlots(repository: Repository): void {
  const slots = join(repository.path, 'slots');
  for (let number = 10; number < 23; number += 1)
    writeFileSync(join(slots, `x-${number}-${'y'.repeat(49)}.removed`), '');
}

async function damages(path: string) {
  const repository = await openRepository(path);
  const check = await checkRepository({ repository, data: 'all', signal: new AbortController().signal });
  return check.damages.first;
}
