/**
 * One tree with everything in it, there and back: 1 GiB of files as on a workstation, a sparse file of 5 GiB, and all that
 * is odd. Only a soak runs it: it takes some minutes, and 10 GiB of disk.
 */
import { closeSync, ftruncateSync, linkSync, mkdirSync, openSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeMixedTree } from '../bench/files/mixed-tree.ts';
import { backUpAndCommit, runJob, scratch } from '../engines/files/engine-process.ts';
import { allocatedKiB, type Described, describeTree, makeOddTree, noise } from '../engines/files/trees.ts';
import { tellMeasured } from '../support/measured.ts';
import { repetitions } from '../support/repetitions.ts';

const [mebibyte, gibibyte] = [1024 * 1024, 1024 * 1024 * 1024];
const scale = repetitions(10) / 10;

let directory: string;
let source: string;
let repository: string;
let tree: Map<string, Described>;

beforeAll(async () => {
  let clean = () => {};
  directory = scratch(end => {
    clean = end;
  });
  [source, repository] = [join(directory, 'source'), join(directory, 'repository')];
  mkdirSync(source);
  const mixed = await makeMixedTree(join(source, 'mixed'), scale);
  process.stderr.write(`measured: the mixed part: ${mixed.summary}\n`);
  makeSparse(join(source, 'sparse.img'), Math.round(5 * gibibyte * scale));
  mkdirSync(join(source, 'odd'));
  makeOddTree(join(source, 'odd'));
  // Names of one file that are far apart.
  linkSync(join(source, 'mixed', 'media', '0', 'file-0'), join(source, 'another-name'));
  linkSync(join(source, 'sparse.img'), join(source, 'zz-sparse'));
  tree = await timed('described', () => describeTree(source));
  return clean;
});

/** A MiB of data each 100 MiB, at odd places; the rest is holes. */
function makeSparse(path: string, bytes: number): void {
  const file = openSync(path, 'wx');
  for (let at = 4_321; at + mebibyte < bytes; at += 100 * mebibyte)
    writeSync(file, noise(mebibyte, `${at}`), 0, mebibyte, at);
  ftruncateSync(file, bytes);
  closeSync(file);
}

async function timed<T>(what: string, work: () => T | Promise<T>): Promise<T> {
  const since = performance.now();
  const result = await work();
  tellMeasured(`the whole tree ${what}`, performance.now() - since);
  return result;
}

describe('one tree with all in it', () => {
  test('comes back the same: names, modes, owners, times, link targets, hard links, contents and holes', async () => {
    const first = await timed('backed up', () => backUpAndCommit(directory, 'p-1', source, repository));
    expect(first).toMatchObject({ outcome: 'completed', skipped: { count: 0 } });
    const { bytes, files, bytesStored, bytesRead } = first;
    process.stderr.write(`measured: ${JSON.stringify({ bytes, files, bytesRead, bytesStored })}\n`);
    const to = join(directory, 'restored');
    const job = { task: 'restore', repository, backup: 'p-1', to, include: [] as string[] } as const;
    const restored = await timed('restored', () => runJob(directory, job));
    expect(restored).toMatchObject({ files, bytes });
    const found = await timed('described again', () => describeTree(to));
    expect([...found.keys()]).toEqual([...tree.keys()]);
    for (const [path, each] of tree) expect({ path, ...found.get(path) }).toEqual({ path, ...each });
    for (const name of ['sparse.img', 'zz-sparse', 'odd/sparse', 'odd/all-hole']) {
      const [was, is] = [allocatedKiB(join(source, name)), allocatedKiB(join(to, name))];
      process.stderr.write(
        `measured: ${name} of ${statSync(join(to, name)).size} bytes: ${was} KiB on disk, then ${is}\n`,
      );
      expect(is).toBeLessThanOrEqual(was + 16);
    }
    const { damaged } = await timed('verified', () => runJob(directory, { task: 'verify', repository, backup: 'p-1' }));
    expect(damaged.count).toBe(0);
    const again = await timed('backed up again', () => backUpAndCommit(directory, 'p-2', source, repository));
    expect(again).toMatchObject({ bytes, files, bytesStored: 0 });
  });

  test('had in it what it is to prove', () => {
    const all = [...tree].map(([path, each]) => ({ path, ...each }));
    const some = (is: (each: (typeof all)[number]) => boolean) => all.filter(is).length;
    expect(some(({ type }) => type === 'file')).toBeGreaterThan(1_000);
    expect(some(({ type }) => type === 'symlink')).toBeGreaterThan(3);
    expect(some(({ names }) => names.includes('\0'))).toBeGreaterThan(5);
    expect(some(({ path }) => path.includes('\n'))).toBeGreaterThan(0);
    expect(some(({ path }) => path.includes('\xff'))).toBeGreaterThan(0);
    expect(some(({ path }) => path.endsWith('n'.repeat(255)))).toBe(1);
    expect(some(({ type, size }) => type === 'file' && size === '0')).toBeGreaterThan(0);
    expect(some(({ path, type }) => path === 'odd/empty' && type === 'directory')).toBe(1);
    expect(some(({ mtime }) => mtime.startsWith('-'))).toBeGreaterThan(0);
    expect(some(({ mtime }) => !mtime.endsWith('000'))).toBeGreaterThan(10);
    expect(new Set(all.map(({ mode }) => mode)).size).toBeGreaterThan(6);
    expect(Number(tree.get('sparse.img')?.size)).toBe(5 * gibibyte * scale);
  });
});
