import {
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { ChunkSet } from '../../src/repository/chunk-set.ts';
import { type ManifestLine, type Piece, piecesPerLine } from '../../src/repository/manifest.ts';
import { PackWriter } from '../../src/repository/pack-writer.ts';
import { openOrCreateRepository, type Repository } from '../../src/repository/repository.ts';
import { restoreBackup } from '../../src/repository/restore.ts';
import { openRunDirectory } from '../../src/repository/run-files.ts';
import { runJob } from '../engines/files/engine-process.ts';
import { noise } from '../engines/files/trees.ts';
import { commitManifest } from './staged-manifest.ts';

const attributes = { mode: 0o640, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, mtimeUs: 1e15 };
const root: ManifestLine = { type: 'directory', path: '', ...attributes, mode: 0o755 };

/** A repository with these chunks, a place to restore into, and what restores a backup of some lines there. */
async function withChunks(...chunks: Buffer[]) {
  const directory = mkdtempSync(join(tmpdir(), 'reeve-long-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const repository = await openOrCreateRepository(join(directory, 'repository'));
  const pieces = await store(repository, chunks);
  const to = join(directory, 'out');
  const restore = (manifest: string, include: string[] = []) =>
    restoreBackup({ repository, manifest, to, include, signal: new AbortController().signal });
  /** As if the restore of the manifest had been cut short here. */
  const mark = (manifest: string) => writeFileSync(join(to, `.reeve-restore-${manifest.slice(0, 16)}`), '');
  return { directory, repository, pieces, to, restore, mark };
}

async function store(repository: Repository, chunks: Buffer[]): Promise<Piece[]> {
  await openRunDirectory(repository, 'stored');
  const writer = new PackWriter(repository, 'stored', new ChunkSet(), {
    onStored: () => undefined,
    isShared: () => false,
  });
  const pieces: Piece[] = [];
  for (const bytes of chunks) pieces.push([bytes.length, (await writer.add(bytes)).sha256]);
  await writer.finish();
  await writer.close();
  return pieces;
}

/** The lines of a file with so many pieces, which follow the pattern over and over. */
function* fileOf(path: string, pattern: readonly Piece[], count: number, more = {}): Generator<ManifestLine> {
  const pieceAt = (at: number) => pattern[at % pattern.length] as Piece;
  let size = 0;
  for (let at = 0; at < count; at += 1) size += pieceAt(at)[0];
  for (let at = 0; at < count; at += piecesPerLine) {
    const content = Array.from({ length: Math.min(piecesPerLine, count - at) }, (_, index) => pieceAt(at + index));
    if (at === 0) yield { type: 'file', path, size, content, ...attributes, ...more };
    else yield { type: 'data', content };
  }
}

test('a file of more than a million pieces is restored in little memory', async () => {
  const chunk = noise(10, 'chunk');
  const { directory, repository, pieces, to } = await withChunks(chunk);
  const pattern: Piece[] = [...pieces, [1], [2], [3], [1], [2], [3], [1]];
  const count = 160_000 * pattern.length;
  await commitManifest(repository, 'p-1', [root, ...fileOf('many', pattern, count, { sparse: true })]);
  vi.stubEnv('NODE_OPTIONS', '--max-old-space-size=80');
  onTestFinished(() => void vi.unstubAllEnvs());
  await runJob(directory, { task: 'restore', repository: repository.path, backup: 'p-1', to, include: [] });
  const once = Buffer.concat([chunk, Buffer.alloc(13)]);
  expect(readFileSync(join(to, 'many')).equals(Buffer.alloc(160_000 * once.length, once))).toBe(true);
});

test('a restore that is repeated puts a long file right where it stands', async () => {
  const [first, second] = [noise(70, 'first'), noise(50, 'second')];
  const { directory, repository, pieces, to, restore, mark } = await withChunks(first, second);
  const manifest = await commitManifest(repository, 'p-1', [root, ...fileOf('long', pieces, 3_000)]);
  const whole = Buffer.alloc(1_500 * 120, Buffer.concat([first, second]));
  const path = join(to, 'long');
  await restore(manifest);
  expect(readFileSync(path).equals(whole)).toBe(true);
  const { ino, mtime, mode } = statSync(path);
  expect(mode & 0o7777).toBe(0o640);

  const damaged = Buffer.from(whole);
  for (const at of [5, 100_000]) damaged[at] = (damaged[at] as number) ^ 1;
  const damage = () => {
    writeFileSync(path, damaged);
    utimesSync(path, mtime, mtime);
    mark(manifest);
  };
  damage();
  await restore(manifest);
  expect(readFileSync(path).equals(whole)).toBe(true);
  expect(statSync(path)).toMatchObject({ ino, mtime, mode });

  damage();
  mkdirSync(join(directory, 'outside'));
  linkSync(path, join(directory, 'outside', 'other-name'));
  await restore(manifest);
  expect(readFileSync(path).equals(whole)).toBe(true);
  expect(readFileSync(join(directory, 'outside', 'other-name')).equals(damaged)).toBe(true);
});

test('a long file whose first name is left out comes back under its other one', async () => {
  const chunk = noise(100, 'chunk');
  const { repository, pieces, to, restore } = await withChunks(chunk);
  const linked = fileOf('a', pieces, 2_500, { group: 1 });
  const manifest = await commitManifest(repository, 'p-1', [
    ...[root, ...linked, ...fileOf('b', [[1]], 2_000)],
    ...([{ type: 'link', path: 'c', group: 1 }, ...fileOf('d', [[1]], 2_000)] as const),
  ]);
  await restore(manifest, ['c', 'd']);
  expect(readdirSync(to)).toEqual(['c', 'd']);
  expect(readFileSync(join(to, 'c')).equals(Buffer.alloc(250_000, chunk))).toBe(true);
  expect(readFileSync(join(to, 'd')).equals(Buffer.alloc(2_000))).toBe(true);
});

test('a long file whose zeros come little by little is refused before they fill the disk', async () => {
  const { repository, to, restore } = await withChunks(noise(1, 'chunk'));
  const zeros = Array.from({ length: 16 }, (): Piece => [2 ** 20]);
  const lines: ManifestLine[] = Array.from({ length: 8 }, () => ({ type: 'data', content: zeros }));
  const rest: ManifestLine = { type: 'data', content: [[2 ** 50]] };
  const size = 1 + 8 * 16 * 2 ** 20 + 2 ** 50;
  const file: ManifestLine = { type: 'file', path: 'zeros', size, content: [[1]], ...attributes };
  const manifest = await commitManifest(repository, 'p-1', [root, file, ...lines, rest]);
  await expect(restore(manifest)).rejects.toMatchObject({ failure: { code: 'target-full' } });
  expect(statSync(join(to, 'zeros')).size).toBeLessThanOrEqual(64 * 2 ** 20);
});

test('directories have their modes and times once all is in them, also those that keep others out', async () => {
  const { repository, pieces, to, restore, mark } = await withChunks(noise(100, 'chunk'));
  const directories = Array.from({ length: 600 }, (_, index) => String(index).padStart(3, '0'));
  const lines = directories.flatMap((name, index): ManifestLine[] => [
    { type: 'directory', path: name, ...attributes, mode: index % 2 === 0 ? 0o500 : 0, mtimeUs: index * 1e9 },
    ...fileOf(`${name}/file`, pieces, index % 100 === 0 ? 2_000 : 1, { group: index }),
    ...(index > 0 ? [{ type: 'link', path: `${name}/link`, group: index - 1 } as const] : []),
  ]);
  const manifest = await commitManifest(repository, 'p-1', [root, ...lines]);
  for (const isRepeated of [false, true]) {
    if (isRepeated) mark(manifest);
    await restore(manifest);
    for (const [index, name] of directories.entries())
      expect(modeAndTime(join(to, name))).toEqual([index % 2 === 0 ? 0o500 : 0, index * 1e6]);
    expect(modeAndTime(to)).toEqual([0o755, attributes.mtimeUs / 1_000]);
  }
});

function modeAndTime(path: string): [mode: number, mtimeMs: number] {
  const { mode, mtimeMs } = lstatSync(path);
  return [mode & 0o7777, Math.floor(mtimeMs)];
}
