/** A repository on a small file system that fills up, at whatever point of a backup that is. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { backUpAndCommit, backupJob, failureOfJob, listed, runJob, startEngine } from './engine-process.ts';
import { doHere } from './in-process.ts';
import { frameBytes } from './stored-frames.ts';
import { describeTree, noise } from './trees.ts';

const diskBytes = 24 * 1024 * 1024;
/** What the file system gives space in. */
const page = 4096;

let directory: string;
let disk: string;
let source: string;
let repository: string;
/** Why there is no small file system here, or null. */
let refused: string | null;
/** Repositories with p-1 only, and that backup's tree. */
let template: string;
let before: ReturnType<typeof describeTree>;
let tree: ReturnType<typeof describeTree>;
/** What the disk must have left for the backup and its commit. */
let neededBytes: number;
/** Of a repository that has p-2, too. */
let wholeFrameBytes: number;

/** Mounts it; says why not, where this machine does not let us. */
function mountSmall(path: string): string | null {
  try {
    mkdirSync(path);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'tmpfs', path], { stdio: 'pipe' });
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'reeve-full-disk-'));
  disk = join(directory, 'disk');
  refused = mountSmall(disk);
  if (refused !== null && process.env.CI) throw new Error(`CI must run this test: ${refused}`);
  if (refused !== null) return void process.stderr.write(`SKIPPED: no small file system: ${refused}\n`);
  [source, template, repository] = [join(directory, 'source'), join(directory, 'template'), join(disk, 'repository')];
  mkdirSync(source);
  writeFileSync(join(source, 'small'), noise(1_000_000, 'small'));
  await backUpAndCommit(directory, 'p-1', source, template);
  before = describeTree(source);
  for (let index = 0; index < 2; index += 1)
    writeFileSync(join(source, `large-${index}`), noise(4_500_000, `${index}`));
  // So many names that the manifest is no small matter.
  mkdirSync(join(source, 'names'));
  for (let index = 0; index < 600; index += 1)
    writeFileSync(join(source, 'names', noise(40, `${index}`).toString('hex')), '');
  tree = describeTree(source);
  reset();
  const free = freeBytes();
  await backUpAndCommit(directory, 'p-2', source, repository);
  neededBytes = free - freeBytes();
  wholeFrameBytes = frameBytes(repository, 'p-2');
});
beforeEach(context => {
  if (refused !== null) context.skip('mounting needs root');
});
afterAll(() => {
  if (refused === null) execFileSync('umount', [disk]);
  rmSync(directory, { recursive: true, force: true });
});

/** An empty disk, but for a repository with p-1. */
function reset(): void {
  for (const name of readdirSync(disk)) rmSync(join(disk, name), { recursive: true });
  cpSync(template, repository, { recursive: true });
}

function freeBytes(): number {
  const { bavail, bsize } = statfsSync(disk);
  return bavail * bsize;
}

/** Takes all of the disk but so much. */
function leaveFree(bytes: number): void {
  writeFileSync(join(disk, 'ballast'), Buffer.alloc(Math.max(0, freeBytes() - bytes)));
}

/** What the run was writing when it failed, by what it left. */
function stageOf(): string {
  if (!readdirSync(join(repository, 'tmp')).includes('p-2')) return 'register';
  if (readdirSync(join(repository, 'index')).length > 1) return 'manifest';
  return frameBytes(repository, 'p-2') < wholeFrameBytes ? 'packs' : 'index';
}

async function restores(backup: string, expected: typeof tree): Promise<void> {
  const to = join(directory, 'restored');
  await doHere({ task: 'restore', repository, backup, to, include: [] });
  expect(describeTree(to)).toEqual(expected);
  rmSync(to, { recursive: true });
}

/** From no room at all to what is enough for all but the manifest, which takes twice its room while it is staged. */
const amounts: [string, () => number][] = [
  ...[0, 1, 16].map(pages => [`${pages} pages`, () => pages * page] as [string, () => number]),
  ...[0.3, 0.6, 0.9].map(
    share => [`${share} of what it needs`, () => Math.floor(neededBytes * share)] as [string, () => number],
  ),
  ...[-8, -3, 0, 1, 2, 4, 6].map(
    more => [`what it needs and ${more} pages`, () => neededBytes + more * page] as [string, () => number],
  ),
];

describe('a disk that has left', () => {
  const stages = new Set<string>();

  test.each(amounts)(
    '%s fails the run for good, the backup before it restores, and with room the run completes',
    async (_, bytes) => {
      reset();
      leaveFree(bytes());
      const failure = await failureOfJob(directory, backupJob('p-2', source, repository));
      stages.add(stageOf());
      expect(failure).toMatchObject({ status: 1, kind: 'permanent', code: 'repository-full' });
      expect(await listed(repository)).toEqual(['p-1']);
      await restores('p-1', before);
      rmSync(join(disk, 'ballast'));
      await completes(await runJob(directory, backupJob('p-2', source, repository)));
    },
  );

  test('so much or so little was full at each thing that a backup writes', () => {
    expect([...stages].sort()).toEqual(['index', 'manifest', 'packs', 'register']);
  });
});

test('a disk that is full when the slot is committed fails the commit for good, and with room the same commit goes through', async () => {
  reset();
  const result = await runJob(directory, backupJob('p-2', source, repository));
  leaveFree(0);
  const { manifest, outcome } = result;
  const commit = { task: 'commit', run: 'p-2', repository, manifest, outcome };
  expect(await failureOfJob(directory, commit)).toMatchObject({ kind: 'permanent', code: 'repository-full' });
  expect(await listed(repository)).toEqual(['p-1']);
  await restores('p-1', before);
  rmSync(join(disk, 'ballast'));
  await completes(result);
});

async function completes({ manifest, outcome }: { manifest: string; outcome: 'completed' | 'partial' }): Promise<void> {
  await doHere({ task: 'commit', run: 'p-2', repository, manifest, outcome });
  expect(await listed(repository)).toEqual(['p-2', 'p-1']);
  await restores('p-2', tree);
  expect(await doHere({ task: 'verify', repository, backup: 'p-2' })).toMatchObject({ damaged: { count: 0 } });
  expect(readdirSync(join(repository, 'tmp'))).toEqual([]);
}

test('a disk without room to salvage what a killed attempt stored keeps that, and is not filled by the attempts', async () => {
  reset();
  const killed = startEngine(directory, backupJob('p-2', source, repository), {
    failpoints: 'frame.after-write=kill@3',
  });
  expect((await killed.ended).signal).toBe('SIGKILL');
  const stored = frameBytes(repository, 'p-2');
  leaveFree(64 * page);
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const failure = await failureOfJob(directory, backupJob('p-2', source, repository));
    expect(failure).toMatchObject({ kind: 'permanent', code: 'repository-full' });
    expect(frameBytes(repository, 'p-2')).toBe(stored);
    expect(freeBytes()).toBe(64 * page);
  }
  rmSync(join(disk, 'ballast'));
  const result = await runJob(directory, backupJob('p-2', source, repository));
  expect(result.bytesStored).toBe(wholeFrameBytes - stored);
  await completes(result);
});

test('a run that a full disk ended can still be voided and discarded: what was being written made room', async () => {
  reset();
  leaveFree(neededBytes / 2);
  expect(await failureOfJob(directory, backupJob('p-2', source, repository))).toMatchObject({
    code: 'repository-full',
  });
  await runJob(directory, { task: 'discard', run: 'p-2', repository });
  await runJob(directory, { task: 'void', run: 'p-2', repository, epoch: 1 });
  expect(await listed(repository)).toEqual(['p-1']);
  await restores('p-1', before);
});
