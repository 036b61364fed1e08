/** A tree with everything in it that a backup must bring back, and a description of trees to compare them by. */
import { createCipheriv, createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';

export const isRoot = process.getuid?.() === 0;

/** Bytes without a pattern, the same on every machine for the same seed. */
export function noise(length: number, seed: string): Buffer {
  const key = createHash('sha256').update(seed).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

const at = (root: string, name: string | Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${root}/`), Buffer.isBuffer(name) ? name : Buffer.from(name)]);

/** Makes the tree of oddities in an existing directory. */
export function makeOddTree(root: string, bigBytes = 9_000_000): void {
  const file = (name: string | Buffer, content: string | Buffer, mode = 0o644) => {
    writeFileSync(at(root, name), content);
    chmodSync(at(root, name), mode);
  };
  for (const directory of ['empty', 'deep', 'deep/er', 'deep/er/est', 'read-only']) mkdirSync(at(root, directory));
  file('plain', 'content\n');
  file('zero-length', '');
  file('big', noise(bigBytes, 'big'), 0o600);
  file('with space', '1');
  file('with\nnewline', '2');
  file('tab\tand\x1b[31mescape', '3');
  file('ünïcödé-文字-🗄', '4');
  file(Buffer.from([0x6e, 0x6f, 0x74, 0xff, 0xfe, 0x80]), 'not UTF-8');
  mkdirSync(at(root, Buffer.from([0xc3, 0x28])));
  file(Buffer.concat([Buffer.from([0xc3, 0x28]), Buffer.from('/inside')]), 'below a name that is not UTF-8');
  file('n'.repeat(255), '255');
  file('-rf', 'a name that looks like an option');
  file('setuid', '#!/bin/sh\n', 0o4755);
  file('setgid', 'x', 0o2711);
  file('no-permissions', 'x', isRoot ? 0o000 : 0o400);
  file('deep/er/est/leaf', 'leaf');
  file('read-only/inside', 'x', 0o444);
  chmodSync(at(root, 'deep/er'), 0o3777);
  symlinkSync('plain', at(root, 'link'));
  symlinkSync('/nowhere/at all', at(root, 'dangling'));
  symlinkSync('../..', at(root, 'deep/up'));
  symlinkSync(Buffer.from([0xff, 0x2f, 0xfe]), at(root, 'to-odd-bytes'));
  linkSync(at(root, 'big'), at(root, 'deep/big-again'));
  linkSync(at(root, 'plain'), at(root, 'z-plain'));
  linkSync(at(root, 'plain'), at(root, 'deep/er/plain'));
  makeSparse(at(root, 'sparse'));
  file('all-hole', '');
  truncateSync(at(root, 'all-hole'), 64 * 1024 * 1024 + 17);
  if (isRoot) {
    chownSync(at(root, 'with space'), 1234, 4321);
    chownSync(at(root, 'empty'), 65534, 65534);
  }
  chmodSync(at(root, 'read-only'), 0o555);
  setTimes(root);
}

/** Data at the start, in the middle at an odd place, and at the end; holes between. */
function makeSparse(path: Buffer): void {
  const file = openSync(path, 'w');
  writeSync(file, noise(5000, 'a'), 0, 5000, 0);
  writeSync(file, noise(100_000, 'b'), 0, 100_000, 20 * 1024 * 1024 + 12_345);
  writeSync(file, noise(10, 'c'), 0, 10, 50 * 1024 * 1024);
  closeSync(file);
}

/** Gives all below a time of its own, to the microsecond, also before 1970, leaves first. */
function setTimes(root: string): void {
  const paths = [...describeTree(root).keys()].reverse();
  for (const [index, path] of paths.entries()) {
    const microseconds = index % 7 === 0 ? -123_456_789_012_345 - index : 1_600_000_000_123_457 + index * 1_000_003;
    const seconds = String((microseconds + 0.5) / 1e6);
    lutimesSync(path === '' ? Buffer.from(root) : at(root, Buffer.from(path, 'latin1')), seconds, seconds);
  }
}

export interface Described {
  type: string;
  mode: number;
  uid: number;
  gid: number;
  /** Microseconds, as text. */
  mtime: string;
  size: string;
  /** sha256 of the content, or a symlink's target. */
  content: string;
  /** All names of the same file in this tree. */
  names: string;
}

/** Everything below a directory, and itself as '', by its path's bytes. */
export function describeTree(root: string): Map<string, Described> {
  const described = new Map<string, Described>();
  const names = new Map<bigint, string[]>();
  const visit = (path: string): void => {
    const full = path === '' ? Buffer.from(root) : at(root, Buffer.from(path, 'latin1'));
    const stat = lstatSync(full, { bigint: true });
    const isFile = stat.isFile();
    let content = '';
    if (isFile) content = hashOf(full);
    if (stat.isSymbolicLink()) content = readlinkSync(full, 'latin1');
    if (isFile) names.set(stat.ino, [...(names.get(stat.ino) ?? []), path]);
    described.set(path, {
      type: stat.isDirectory() ? 'directory' : isFile ? 'file' : stat.isSymbolicLink() ? 'symlink' : 'special',
      mode: Number(stat.mode & 0o7777n),
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      mtime: (stat.mtimeNs >= 0n ? stat.mtimeNs / 1000n : -((999n - stat.mtimeNs) / 1000n)).toString(),
      size: stat.isDirectory() ? '' : stat.size.toString(),
      content,
      names: isFile ? String(stat.ino) : '',
    });
    if (!stat.isDirectory()) return;
    for (const name of readdirSync(full, 'latin1').sort((a, b) => (a < b ? -1 : 1)))
      visit(path === '' ? name : `${path}/${name}`);
  };
  visit('');
  for (const [path, { names: ino }] of described)
    if (ino !== '') (described.get(path) as Described).names = (names.get(BigInt(ino)) ?? []).join('\0');
  return described;
}

const piece = Buffer.alloc(8 * 1024 * 1024);

/** Piece by piece, for it may be larger than memory. */
function hashOf(path: Buffer): string {
  const [hash, file] = [createHash('sha256'), openSync(path, 'r')];
  try {
    for (let read = readSync(file, piece); read > 0; read = readSync(file, piece)) hash.update(piece.subarray(0, read));
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}

/** Kibibytes that a file takes on its disk. */
export function allocatedKiB(path: string): number {
  return lstatSync(path).blocks / 2;
}
