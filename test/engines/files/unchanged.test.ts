/** What a backup need not read, because nothing can have changed there, and what it reads all the same. */
import { createCipheriv, createHash } from 'node:crypto';
import {
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openManifest } from '../../../src/engines/files/base.ts';
import { readBatch } from '../../../src/engines/files/batch-reader.ts';
import { FileReader } from '../../../src/engines/files/file-reader.ts';
import { type FilesToRead, ReadCounters } from '../../../src/engines/files/read-messages.ts';
import type { Found } from '../../../src/engines/files/source-walk.ts';
import { TreeWriter } from '../../../src/engines/files/tree-writer.ts';
import { seenOf } from '../../../src/engines/files/unchanged.ts';
import { ProgressMeter } from '../../../src/engines/progress-meter.ts';
import { findBackup } from '../../../src/repository/backup-list.ts';
import { bytePathOf, under } from '../../../src/repository/byte-path.ts';
import { ChunkSet } from '../../../src/repository/chunk-set.ts';
import { type ManifestLine, parseLine } from '../../../src/repository/manifest.ts';
import { manifestPath, openRepository } from '../../../src/repository/repository.ts';
import { eventually } from '../../support/eventually.ts';
import { repetitions } from '../../support/repetitions.ts';
import { backUpAndCommit, backupJob, runJob, scratch } from './engine-process.ts';
import { doHere } from './in-process.ts';
import { describeTree, makeOddTree, noise } from './trees.ts';

const mebibyte = 1024 * 1024;

function place() {
  const directory = scratch(onTestFinished);
  const [source, repository] = [join(directory, 'source'), join(directory, 'repository')];
  mkdirSync(source);
  return { directory, source, repository };
}

/** Resolves once nothing below changed so lately that it might change once more without it showing. */
async function isOld(source: string): Promise<void> {
  const paths = [...describeTree(source).keys()];
  await eventually('every change is 60 ms old', () => {
    const ctimes = paths.map(path => lstatSync(under(bytePathOf(Buffer.from(source)), path)).ctimeMs);
    return Date.now() - Math.max(...ctimes) > 60;
  });
}

describe('a backup after another', () => {
  /** A source that was backed up as p-1, with nothing in it that had just changed. */
  async function backedUp(fill: (source: string) => void) {
    const { directory, source, repository } = place();
    fill(source);
    await isOld(source);
    const first = await backUpAndCommit(directory, 'p-1', source, repository);
    return { directory, source, repository, first };
  }

  test('of a tree that has not changed reads no byte and stores none, and restores the same', async () => {
    const { directory, source, repository, first } = await backedUp(makeOddTree);
    expect(first.bytesRead).toBeGreaterThan(9_000_000);
    const second = await backUpAndCommit(directory, 'p-2', source, repository);
    expect(second).toMatchObject({ bytesRead: 0, bytesStored: 0, bytes: first.bytes, files: first.files });
    const to = join(directory, 'out');
    await doHere({ task: 'restore', repository, backup: 'p-2', to, include: [] });
    expect(describeTree(to)).toEqual(describeTree(source));
    // And a third is told by the second, which read nothing itself.
    expect(await runJob(directory, backupJob('p-3', source, repository))).toMatchObject({
      bytesRead: 0,
      bytesStored: 0,
    });
  });

  test('reads a file whose content changed though its size and its time were set back, and no other', async () => {
    const { directory, source, repository } = await backedUp(at => {
      for (const name of ['forged', 'other']) writeFileSync(join(at, name), noise(300_000, name));
    });
    const { atime, mtime } = statSync(join(source, 'forged'));
    writeFileSync(join(source, 'forged'), noise(300_000, 'something else'));
    utimesSync(join(source, 'forged'), atime, mtime);
    const second = await backUpAndCommit(directory, 'p-2', source, repository);
    expect(second.bytesRead).toBe(300_000);
    await doHere({ task: 'restore', repository, backup: 'p-2', to: join(directory, 'out'), include: [] });
    expect(readFileSync(join(directory, 'out', 'forged')).equals(noise(300_000, 'something else'))).toBe(true);
  });

  test('reads everything where it is told to, and stores nothing of it again', async () => {
    const { directory, source, repository, first } = await backedUp(at => {
      for (let index = 0; index < 20; index += 1) writeFileSync(join(at, `${index}`), noise(100_000, `${index}`));
    });
    const again = await runJob(directory, { ...backupJob('p-2', source, repository), rescan: true });
    expect(again).toMatchObject({ bytesRead: first.bytesRead, bytesStored: 0 });
  });

  test('reads what its chunks are missing of, also where it has not changed', async () => {
    const { directory, source, repository, first } = await backedUp(at => {
      writeFileSync(join(at, 'file'), noise(3_000_000, 'missing'));
    });
    rmSync(join(repository, 'packs'), { recursive: true });
    mkdirSync(join(repository, 'packs'));
    const second = await backUpAndCommit(directory, 'p-2', source, repository);
    expect(second).toMatchObject({ bytesRead: first.bytesRead, bytesStored: first.bytesStored });
    expect(await doHere({ task: 'verify', repository, backup: 'p-2' })).toMatchObject({ damaged: { count: 0 } });
  });
});

test('a last backup that is removed while it is looked at is done without', async () => {
  const { directory, source, repository: path } = place();
  writeFileSync(join(source, 'file'), noise(1_000, 'removed'));
  await backUpAndCommit(directory, 'p-1', source, path);
  const repository = await openRepository(path);
  const { manifest } = await findBackup(repository, 'p-1');
  const base = await openManifest(repository, manifest, new ChunkSet(), new AbortController().signal);
  rmSync(manifestPath(repository, manifest));
  expect(await base?.find('file', lstatSync(join(source, 'file'), { bigint: true }))).toBeUndefined();
  await base?.close();
});

test('one byte in front of a large file makes little of it new', async () => {
  const { directory, source, repository } = place();
  // 1 GiB in a soak.
  const bytes = repetitions(4, 4) * 256 * mebibyte;
  writeNoise(join(source, 'large'), bytes, Buffer.alloc(0));
  const first = await backUpAndCommit(directory, 'p-1', source, repository);
  expect(first.bytesStored).toBeGreaterThan(bytes);
  writeNoise(join(source, 'large'), bytes, Buffer.from('1'));
  const second = await backUpAndCommit(directory, 'p-2', source, repository);
  process.stderr.write(`measured: one byte in front of ${bytes / mebibyte} MiB: ${second.bytesStored} bytes stored\n`);
  expect(second.bytesRead).toBe(bytes + 1);
  expect(second.bytesStored).toBeGreaterThan(0);
  expect(second.bytesStored).toBeLessThan(16 * mebibyte);
  const to = join(directory, 'out');
  await doHere({ task: 'restore', repository, backup: 'p-2', to, include: [] });
  expect(hashOf(join(to, 'large'))).toBe(hashOf(join(source, 'large')));
});

/** The same noise each time, behind `front`; a piece at a time, for it may be large. */
function writeNoise(path: string, length: number, front: Buffer): void {
  const cipher = createCipheriv('aes-256-ctr', createHash('sha256').update('large').digest(), Buffer.alloc(16));
  const zeros = Buffer.alloc(8 * mebibyte);
  const file = openSync(path, 'w');
  writeSync(file, front);
  for (let done = 0; done < length; done += zeros.length) writeSync(file, cipher.update(zeros));
  closeSync(file);
}

function hashOf(path: string): string {
  const [hash, buffer, file] = [createHash('sha256'), Buffer.alloc(8 * mebibyte), openSync(path, 'r')];
  for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer))
    hash.update(buffer.subarray(0, read));
  closeSync(file);
  return hash.digest('hex');
}

describe('a file is known again', () => {
  const second = 1_000_000_000n;
  const changedAt = (ctimeNs: bigint) => ({ ino: 7n, ctimeNs }) as Parameters<typeof seenOf>[0];

  test('by its inode and its last change, once that is older than a tick of the clock', () => {
    const ctimeNs = 5n * second + 123_456_789n;
    expect(seenOf(changedAt(ctimeNs), 5_123 + 60)).toBe(`7:${ctimeNs}`);
    expect(seenOf(changedAt(ctimeNs), 5_123 + 40)).toBeNull();
  });

  test('after two seconds only, where its file system keeps no fraction of a millisecond', () => {
    expect(seenOf(changedAt(5n * second), 6_999)).toBeNull();
    expect(seenOf(changedAt(5n * second), 7_001)).toBe(`7:${5n * second}`);
  });

  test('never where the clock stands before its last change', () => {
    expect(seenOf(changedAt(5n * second + 1n), 4_000)).toBeNull();
  });
});

describe('names of one file', () => {
  /** Adds names of one file to a tree, of which `vanished` go between the walk and the reading. */
  async function written(names: string[], vanished: string[]) {
    const { source } = place();
    const [first, ...others] = names as [string, ...string[]];
    writeFileSync(join(source, first), noise(1000, 'linked'));
    for (const name of others) linkSync(join(source, first), join(source, name));
    const root = bytePathOf(Buffer.from(source));
    const store = { add: () => ({ sha256: 'ab'.repeat(32), isNew: true }) };
    const reader = new FileReader({ root, bytesPerSecond: 0 }, store, new ReadCounters());
    const read: string[] = [];
    const pool = {
      read: async (files: FilesToRead) => {
        // By now the walk has seen every name.
        await walked.promise;
        read.push(...files.paths);
        return readBatch(
          files,
          file => reader.read(file),
          () => false,
        );
      },
    };
    const walked = Promise.withResolvers<void>();
    const lines: ManifestLine[] = [];
    const leftOut: string[] = [];
    const meter = new ProgressMeter(() => undefined);
    const tree = new TreeWriter({
      root,
      pool,
      base: undefined,
      manifest: {
        add: line => void lines.push(line),
        addFile: text => void lines.push(parseLine(text)),
      },
      leaveOut: (path, why) => leftOut.push(`${path} ${why}`),
      meter,
    });
    const found: Found[] = names.map(path => ({ path, stat: lstatSync(join(source, path), { bigint: true }) }));
    for (const each of found) await tree.add(each);
    for (const name of vanished) unlinkSync(join(source, name));
    walked.resolve();
    await tree.finish();
    meter.end();
    const entries = lines.map(line => ('path' in line ? `${line.path} ${line.type}` : line.type));
    return { entries, leftOut, read, groups: lines.map(line => ('group' in line ? line.group : undefined)), meter };
  }

  test('are one entry and links to it', async () => {
    const { entries, leftOut, read, groups } = await written(['a', 'b', 'c'], []);
    expect(entries).toEqual(['a file', 'b link', 'c link']);
    expect(leftOut).toEqual([]);
    expect(read).toEqual(['a']);
    expect(new Set(groups).size).toBe(1);
  });

  test('whose first vanished before it was read are read by the next, and the others are links to that', async () => {
    const { entries, leftOut, read, groups, meter } = await written(['a', 'b', 'c'], ['a']);
    expect(entries).toEqual(['b file', 'c link']);
    expect(leftOut).toEqual(['a vanished']);
    expect(read).toEqual(['a', 'b']);
    expect(groups[0]).toBeTypeOf('number');
    expect(new Set(groups).size).toBe(1);
    expect(meter.filesDone).toBe(3);
  });

  test('of which all but the last vanished still leave that one in the backup', async () => {
    const { entries, leftOut } = await written(['a', 'b', 'c'], ['a', 'b']);
    expect(entries).toEqual(['c file']);
    expect(leftOut).toEqual(['a vanished', 'b vanished']);
  });

  test('that all vanished are left out, each', async () => {
    const { entries, leftOut } = await written(['a', 'b'], ['a', 'b']);
    expect(entries).toEqual([]);
    expect(leftOut).toEqual(['a vanished', 'b vanished']);
  });
});
