import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { manifestFormat, type Totals } from '../../src/repository/manifest.ts';
import { readHeader } from '../../src/repository/manifest-reader.ts';
import { manifestPath, openOrCreateRepository } from '../../src/repository/repository.ts';
import { restoreBackup } from '../../src/repository/restore.ts';
import { frameOf, skippableFrame } from './zstd-frames.ts';

const attributes = { mode: 0o755, uid: 0, gid: 0, mtimeUs: 0 };
const root = { type: 'directory', path: '', ...attributes };
const directory = (path: unknown) => ({ type: 'directory', path, ...attributes });
const file = (path: unknown, more = {}) => ({ type: 'file', path, size: 3, content: [[3]], ...attributes, ...more });
const symlink = (path: unknown, target: string) => ({ type: 'symlink', path, target, ...attributes });

interface Made {
  lines: unknown[];
  /** What the footer claims; counted where it is not given. */
  totals?: Totals;
  /** What the header claims; counted where it is not given. */
  claimed?: Totals;
  footer?: boolean;
  cut?: number;
  /** Instead of what the header has. */
  header?: Record<string, unknown>;
  /** What stands behind the frame. */
  behind?: Uint8Array;
}

/** Restores a manifest made by hand, with a true hash, beside a file that nothing may touch. */
async function restoreMade({
  lines,
  totals,
  claimed,
  footer = true,
  cut = 0,
  header: more = {},
  behind = Buffer.alloc(0),
}: Made): Promise<string> {
  const scratch = mkdtempSync(join(tmpdir(), 'reeve-hostile-'));
  onTestFinished(() => rmSync(scratch, { recursive: true, force: true }));
  const repository = await openOrCreateRepository(join(scratch, 'repository'));
  const entries = lines as { type: string; size?: number }[];
  const directories = entries.filter(line => line?.type === 'directory').length;
  const counted = {
    files: entries.filter(line => line?.type !== 'data').length - directories,
    directories,
    bytes: entries.reduce((sum, line) => sum + (line?.type === 'file' ? (line.size ?? 0) : 0), 0),
  };
  const all = footer ? [...lines, { type: 'footer', totals: totals ?? counted }] : lines;
  const text = all.map(line => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('');
  const header = {
    reeve: 'manifest',
    format: manifestFormat,
    run: 'r',
    plan: 'p',
    source: '/',
    startedAt: '',
    endedAt: '',
  };
  const skipped = { skipped: { vanished: 0, changed: 0, unreadable: 0 }, skippedList: null };
  const first = `${JSON.stringify({ ...header, totals: claimed ?? counted, ...skipped, ...more })}\n`;
  const whole = Buffer.concat([Buffer.from(first), zstdCompressSync(text), behind]);
  const bytes = whole.subarray(0, whole.length - cut);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  writeFileSync(manifestPath(repository, sha256), bytes);
  const outside = join(scratch, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'precious'), 'untouched');
  const to = join(scratch, 'out');
  const { signal } = new AbortController();
  try {
    await restoreBackup({ repository, manifest: sha256, to, include: [], signal });
    return `restored ${readdirSync(to).sort().join(' ')}`;
  } catch (error) {
    return (error as { failure?: { message: string } }).failure?.message ?? String(error);
  } finally {
    expect(readdirSync(outside)).toEqual(['precious']);
    expect(readFileSync(join(outside, 'precious'), 'utf8')).toBe('untouched');
    expect(readdirSync(scratch).sort()).toEqual(expect.arrayContaining(['outside', 'repository']));
    expect(readdirSync(scratch)).not.toContain('evil');
  }
}

describe('a manifest made by hand', () => {
  test.each([
    ['no counts of what was left out', { skipped: {} }, /its skipped.vanished is not a count/],
    ['nothing of what was left out', { skipped: undefined }, /its skipped.vanished is not a count/],
    ['less than nothing left out', { skipped: { vanished: 0, changed: -1, unreadable: 0 } }, /skipped.changed is not/],
    ['a list without a hash', { skippedList: '../../etc/passwd' }, /its skippedList is no hash/],
    ['no word of a list', { skippedList: undefined }, /its skippedList is no hash/],
  ])('is damaged with %s', async (_, header, why) => {
    expect(await restoreMade({ lines: [root], header })).toMatch(why);
  });

  test.each([
    ['a byte', Buffer.from('x')],
    ['zeros', Buffer.alloc(200_000)],
    ['two empty frames', Buffer.concat([zstdCompressSync(''), zstdCompressSync('')])],
    ['another empty frame', frameOf('', 0, 0)],
    ['a frame to be skipped', skippableFrame(Buffer.alloc(100))],
  ])('is damaged with %s behind its end', async (_, behind) => {
    expect(await restoreMade({ lines: [root, file('a')], behind })).toMatch(/damaged: \d+ bytes stand behind its end$/);
  });

  test('is restored where its writer has ended it twice', async () => {
    expect(await restoreMade({ lines: [root, file('a')], behind: zstdCompressSync('') })).toBe('restored a');
  });

  test('is restored where it is in order', async () => {
    expect(await restoreMade({ lines: [root, directory('a'), file('a/b'), symlink('c', '../outside')] })).toBe(
      'restored a c',
    );
  });

  test.each([
    ['climbs out', [root, file('../evil')], 'not a plain path'],
    ['climbs out from inside', [root, directory('a'), file('a/../../evil')], 'not a plain path'],
    ['is absolute', [root, file('/tmp/evil')], 'not a plain path'],
    ['has a NUL', [root, file('a\0b')], 'not a plain path'],
    ['climbs out by bytes', [root, file({ base64: Buffer.from('../evil').toString('base64') })], 'not a plain path'],
    ['names nothing', [root, file('')], 'not a plain path'],
    ['writes below a symlink', [root, symlink('a', '../outside'), file('a/evil')], 'not an open directory'],
    ['makes a symlink a directory', [root, symlink('a', '../outside'), directory('a')], 'after the one before'],
    [
      'replaces a directory by a symlink',
      [root, directory('a'), symlink('a', '../outside'), file('a/x')],
      'after the one',
    ],
    ['writes a name twice', [root, file('a'), file('a')], 'after the one before'],
    ['comes back to a directory', [root, directory('a'), file('b'), file('a/x')], 'not an open directory'],
    ['has no parent', [root, file('a/b')], 'not an open directory'],
    ['links to nothing', [root, { type: 'link', path: 'a', group: 7 }], 'first hard link is not there'],
    ['has more content than bytes', [root, file('a', { content: [[9]] })], 'more content'],
    ['has less content than bytes', [root, file('a', { content: [] })], '3 bytes are missing'],
    ['has a chunk that is a path', [root, file('a', { content: [[3, '../../../etc/passwd']] })], 'not a piece'],
    ['has a negative piece', [root, file('a', { content: [[5], [-2]] })], 'not a piece'],
    ['has an unknown type', [root, { type: 'door', path: 'a' }], 'is not known'],
    ['is not JSON', [root, '{'], 'line 2'],
    ['has a symlink to nothing', [root, symlink('a', '')], 'target'],
    ['has data that says nothing', [root, file('a'), { type: 'data', content: [] }], 'has no content'],
    ['has pieces without number', [root, file('a', { content: Array(1_025).fill([1]) })], 'more than 1024 pieces'],
    ['has a path that no system takes', [root, file('n'.repeat(4_097))], 'longer than 4096 bytes'],
    ['has an owner that no system has', [root, file('a', { uid: 2 ** 32 - 1 })], 'its uid is not a count'],
    ['has a group that no system has', [root, file('a', { gid: 2 ** 53 - 1 })], 'its gid is not a count'],
    ['has a time that no clock reaches', [root, file('a', { mtimeUs: 1e300 })], 'its mtimeUs is none'],
    ['has a device of no text', [root, { ...file('a'), type: 'special', kind: 'block', device: {} }], 'is no text'],
  ])('that %s is refused', async (_, lines, message) => {
    expect(await restoreMade({ lines })).toContain(message);
  });

  test('that ends early is refused, wherever it was cut', async () => {
    expect(await restoreMade({ lines: [root, file('a')], footer: false })).toContain('ends without a footer');
    for (const cut of [1, 5, 40]) expect(await restoreMade({ lines: [root, file('a')], cut })).toContain('is damaged');
  });

  test('whose footer counts otherwise is refused', async () => {
    const totals = { files: 2, directories: 1, bytes: 3 };
    expect(await restoreMade({ lines: [root, file('a')], totals })).toContain('its footer counts 2 files');
  });

  test('whose header counts otherwise is refused, as soon as it has more', async () => {
    const lines = [root, file('a'), file('b')];
    const claimed = { files: 2, directories: 1, bytes: 6 };
    expect(await restoreMade({ lines, claimed })).toBe('restored a b');
    expect(await restoreMade({ lines, claimed: { ...claimed, files: 1 } })).toContain(
      'line 3: its header counts 1 files',
    );
    expect(await restoreMade({ lines, claimed: { ...claimed, bytes: 9 } })).toContain(
      'line 4: its header counts 9 bytes',
    );
  });

  test('that cites its lines does so in a message of bounded length', async () => {
    const message = await restoreMade({ lines: [root, file(`../${'n'.repeat(500_000)}`)] });
    expect(message).toContain('is not a plain path');
    expect(message.length).toBeLessThan(500);
  });

  test('that is no plain file is refused, and not waited for', async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'reeve-hostile-'));
    onTestFinished(() => rmSync(scratch, { recursive: true, force: true }));
    const repository = await openOrCreateRepository(join(scratch, 'repository'));
    const [pipe, directory, symlink] = ['a', 'b', 'c'].map(digit => digit.repeat(64)) as [string, string, string];
    execFileSync('mkfifo', [manifestPath(repository, pipe)]);
    mkdirSync(manifestPath(repository, directory));
    symlinkSync('/dev/zero', manifestPath(repository, symlink));
    for (const manifest of [pipe, directory, symlink]) {
      const failure = { code: 'data-corrupt', message: expect.stringContaining('is not a plain file') };
      await expect(readHeader(repository, manifest)).rejects.toMatchObject({ failure });
      const { signal } = new AbortController();
      const restoring = restoreBackup({ repository, manifest, to: join(scratch, 'out'), include: [], signal });
      await expect(restoring).rejects.toMatchObject({ failure });
    }
  });

  test('whose file is too long for the file system names it, where the file system does not take it', async () => {
    const size = Number.MAX_SAFE_INTEGER;
    const message = await restoreMade({ lines: [root, file('a', { size, content: [[size]], sparse: true })] });
    expect(message).toMatch(
      /^restored a$|\/out\/a cannot be restored: the file system there takes no file of 8192\.0 TiB/,
    );
  });

  test('whose zeros do not fit the disk is refused before it fills the disk', async () => {
    const message = await restoreMade({ lines: [root, file('a', { size: 2 ** 52, content: [[2 ** 52]] })] });
    expect(message).toMatch(/\/out\/a takes 4096\.0 TiB, much of it zeros, and .* are free/);
  });

  test('with a line without end is refused before it fills the memory', async () => {
    expect(await restoreMade({ lines: [root, ' '.repeat(5_000_000)] })).toContain('longer than');
  });
});
