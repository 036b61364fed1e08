import { existsSync, mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Change, type Difference, DiffSummary, diffBackups } from '../../src/repository/backup-diff.ts';
import type { ManifestLine, Piece } from '../../src/repository/manifest.ts';
import { manifestPath, openOrCreateRepository, type Repository } from '../../src/repository/repository.ts';
import { plainDiff, type Tree, treeArbitrary, treeLines } from './plain-trees.ts';
import { stageManifest } from './staged-manifest.ts';

const { signal } = new AbortController();
let directory: string;
let repository: Repository;
let runs = 0;

beforeAll(async () => {
  directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'reeve-diff-'));
  repository = await openOrCreateRepository(join(directory, 'repository'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const stage = (lines: Iterable<ManifestLine>) => stageManifest(repository, `r-${++runs}`, lines);

async function all(found: AsyncIterable<Difference>): Promise<Difference[]> {
  const list: Difference[] = [];
  for await (const difference of found) list.push(difference);
  return list;
}

async function differences(before: Iterable<ManifestLine>, after: Iterable<ManifestLine>): Promise<Difference[]> {
  const manifests = [await stage(before), await stage(after)] as const;
  return all(diffBackups(repository, ...manifests, signal));
}

/** `M path` and the like. */
async function shortly(before: ManifestLine[], after: ManifestLine[]): Promise<string[]> {
  return (await differences(before, after)).map(({ change, path }) => `${change} ${path}`);
}

const plain = { mode: 0o644, uid: 1, gid: 1, mtimeUs: 0 };
const source: ManifestLine = { type: 'directory', path: '', ...plain };
const folder = (path: string): ManifestLine => ({ type: 'directory', path, ...plain });
const link = (path: string, group: number): ManifestLine => ({ type: 'link', path, group });
const file = (path: string, content: Piece[] = [[5]], more = {}): ManifestLine => ({
  ...{ type: 'file', path, content, ...plain, ...more },
  size: content.reduce((sum, [length]) => sum + length, 0),
});
const chunk = (length: number, digit: string): Piece => [length, digit.repeat(64)];

describe('the diff of two backups', () => {
  test('tells what came, went and changed, in the order of a walk', async () => {
    const before = [source, file('a'), folder('b'), file('b/x', [chunk(7, 'a')]), file('c')];
    const after = [source, file('a', [[5]], { mode: 0o600 }), folder('b'), file('b/x', [chunk(9, 'b')]), file('d')];
    expect(await differences(before, after)).toEqual([
      { change: 'attributes', path: 'a', before: { type: 'file', size: 5 }, after: { type: 'file', size: 5 } },
      { change: 'changed', path: 'b/x', before: { type: 'file', size: 7 }, after: { type: 'file', size: 9 } },
      { change: 'removed', path: 'c', before: { type: 'file', size: 5 }, after: null },
      { change: 'added', path: 'd', before: null, after: { type: 'file', size: 5 } },
    ]);
  });

  test('keeps its place where names sort otherwise than whole paths do', async () => {
    const before = [source, folder('a'), file('a/z'), file('a!'), file('a-b')];
    const after = [source, folder('a'), file('a/y'), file('a/z'), file('a-b'), file('a0')];
    expect(await shortly(before, after)).toEqual(['added a/y', 'removed a!', 'added a0']);
  });

  test('tells everything below a directory that went, came, or became a file', async () => {
    const before = [source, folder('a'), file('a/x'), folder('b'), file('b/x'), file('c')];
    const after = [source, file('b'), folder('c'), file('c/x')];
    expect(await shortly(before, after)).toEqual([
      ...['removed a', 'removed a/x', 'changed b', 'removed b/x', 'changed c', 'added c/x'],
    ]);
  });

  test.each([
    ['mode', { mode: 0o600 }],
    ['owner', { uid: 2 }],
    ['group of owners', { gid: 2 }],
    ['time', { mtimeUs: -1 }],
  ])('takes another %s for attributes alone', async (_, more) => {
    expect(await shortly([source, file('a')], [source, file('a', [[5]], more)])).toEqual(['attributes a']);
  });

  test('passes over whether a file is sparse, and the numbers of its hard links', async () => {
    expect(await shortly([source, file('a')], [source, file('a', [[5]], { sparse: true, group: 7 })])).toEqual([]);
  });

  test.each<[string, ManifestLine, ManifestLine]>([
    ['pieces', file('a', [chunk(5, 'a')]), file('a', [chunk(5, 'b')])],
    ['the order of pieces', file('a', [chunk(5, 'a'), [5]]), file('a', [[5], chunk(5, 'a')])],
    ['a hole in the place of a chunk', file('a', [chunk(5, 'a')]), file('a', [[5]])],
    ['a symlink to elsewhere', ...symlinks('b', 'c')],
    ['another device', ...devices('1', '2')],
    ['another type', file('a'), folder('a')],
    ['a symlink in the place of a file', file('a'), symlinks('b', 'b')[0]],
  ])('takes %s for a change', async (_, before, after) => {
    expect(await shortly([source, before], [source, after])).toEqual(['changed a']);
    expect(await shortly([source, before], [source, before])).toEqual([]);
  });

  test('compares a long file by all of its pieces, wherever its lines end', async () => {
    const pieces = Array.from({ length: 5_000 }, (_, index): Piece => chunk(1 + index, 'abcdef'[index % 6] ?? 'a'));
    const other = pieces.with(4_321, [4_322]);
    const lines = (all: Piece[], perLine: number): ManifestLine[] => {
      const [first, ...data] = Array.from({ length: Math.ceil(all.length / perLine) }, (_, index) =>
        all.slice(index * perLine, (index + 1) * perLine),
      );
      const size = all.reduce((sum, [length]) => sum + length, 0);
      const entry = { ...file('a', first), size } as ManifestLine;
      return [source, entry, ...data.map(content => ({ type: 'data' as const, content })), file('b')];
    };
    expect(await shortly(lines(pieces, 1_024), lines(pieces, 77))).toEqual([]);
    expect(await shortly(lines(pieces, 1_024), lines(other, 1_024))).toEqual(['changed a']);
    expect(await shortly(lines(pieces, 1_024), lines(pieces.slice(0, -1), 1_000))).toEqual(['changed a']);
  });

  test('takes a hard link for the file that it names', async () => {
    const linked = (content: Piece[], to = 1) => [
      ...[source, file('a', content, { group: 1 }), file('b', [chunk(5, 'b')], { group: 2 }), link('c', to)],
    ];
    const hole: Piece[] = [[5]];
    expect(await shortly(linked(hole), linked(hole))).toEqual([]);
    expect(await shortly(linked(hole), linked([chunk(5, 'a')]))).toEqual(['changed a', 'changed c']);
    expect(await shortly(linked(hole, 1), linked(hole, 2))).toEqual(['changed c']);
    expect(await shortly(linked([chunk(5, 'b')], 1), linked([chunk(5, 'b')], 2))).toEqual(['attributes c']);
    expect(await shortly(linked(hole), [source, file('b', [chunk(5, 'b')]), file('c')])).toEqual([
      ...['removed a', 'attributes c'],
    ]);
  });

  test('counts files and their bytes, each file once whatever its names', async () => {
    const before = [source, file('a'), file('c', [[7]])];
    const after = [source, file('b', [[11]], { group: 1 }), link('b2', 1), file('c', [[13]]), folder('d')];
    const summary = new DiffSummary();
    for (const difference of await differences(before, after)) summary.add(difference);
    expect(summary).toEqual({
      added: { count: 3, bytes: 11 },
      removed: { count: 1, bytes: 5 },
      changed: { count: 1, bytes: 13 },
      attributes: { count: 0, bytes: 0 },
    });
  });

  test('is that of a plain comparison, for any two trees', async () => {
    const seen = new Set<Change>();
    await fc.assert(
      fc.asyncProperty(treeArbitrary, treeArbitrary, async (before: Tree, after: Tree) => {
        const found = await differences(treeLines(before), treeLines(after));
        expect(found).toEqual(plainDiff(before, after));
        for (const { change } of found) seen.add(change);
      }),
      { numRuns: 200 },
    );
    expect([...seen].sort()).toEqual(['added', 'attributes', 'changed', 'removed']);
  });

  test('rejects where a manifest is damaged or missing', async () => {
    const [good, bad] = [await stage([source, file('a')]), await stage([source, file('b')])];
    truncateSync(manifestPath(repository, bad), 200);
    for (const pair of [
      [good, bad],
      [bad, good],
      [good, 'f'.repeat(64)],
    ] as const)
      await expect(all(diffBackups(repository, ...pair, signal))).rejects.toMatchObject({
        failure: { code: 'data-corrupt' },
      });
  });

  test('ends with the reason of its signal, and can be left at any time', async () => {
    const names = Array.from({ length: 3_000 }, (_, index) => file(String(index).padStart(5, '0')));
    const [before, after] = [await stage([source]), await stage([source, ...names])];
    const stopping = new AbortController();
    const walked = async (seen: (count: number) => void) => {
      let count = 0;
      for await (const _ of diffBackups(repository, before, after, stopping.signal)) seen(++count);
    };
    await expect(
      walked(count => {
        if (count === 10) stopping.abort(new Error('enough'));
      }),
    ).rejects.toThrow('enough');
    for await (const { path } of diffBackups(repository, before, after, signal)) {
      expect(path).toBe('00000');
      break;
    }
  });
});

function symlinks(one: string, other: string): [ManifestLine, ManifestLine] {
  const to = (target: string): ManifestLine => ({ type: 'symlink', path: 'a', target, ...plain });
  return [to(one), to(other)];
}

function devices(one: string, other: string): [ManifestLine, ManifestLine] {
  const of = (device: string): ManifestLine => ({ type: 'special', path: 'a', kind: 'block', device, ...plain });
  return [of(one), of(other)];
}
