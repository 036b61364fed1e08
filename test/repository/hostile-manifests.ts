/**
 * Manifests that mean harm, or are broken: a valid one of chance, its lines then changed one to four times, its text, its
 * header and its bytes now and then. Sizes of files that the disk could hold stay small, for a restore writes them.
 */
import { zstdCompressSync } from 'node:zlib';
import { manifestFormat } from '../../src/repository/manifest.ts';
import type { Dice } from '../support/dice.ts';
import { nastyNumbers, nastyPaths, nastyTargets, nastyValues } from './nasty-values.ts';
import { type Line, validLines } from './valid-lines.ts';
import { frameOf, skippableFrame } from './zstd-frames.ts';

export interface HostileManifest {
  /** The kinds of change that made it, in order. */
  kinds: string[];
  /** The whole file. */
  bytes: Buffer;
}

type Change<Of> = (of: Of, dice: Dice, canary: string) => Of;

/** `canary` is an absolute path that nothing may touch: some of the paths and targets aim at it. */
export function hostileManifest(dice: Dice, canary: string): HostileManifest {
  const kinds: string[] = [];
  const change = <Of>(of: Of, changes: Record<string, Change<Of>>): Of => {
    const kind = dice.pick(Object.keys(changes));
    kinds.push(kind);
    return changes[kind]?.(of, dice, canary) ?? of;
  };
  let lines = validLines(dice);
  do lines = change(lines, lineChanges);
  while (dice.chance(0.3));
  const totals = totalsOf(lines);
  lines = [...lines, { type: 'footer', totals: dice.chance(0.95) ? totals : nastyTotals(dice) }];
  if (dice.chance(0.05)) lines = change(lines, lineChanges);
  let texts = lines.map(line => JSON.stringify(line));
  if (texts.length > 0 && dice.chance(0.1)) texts = change(texts, textChanges);
  const body = Buffer.from(texts.map(text => `${text}\n`).join(''), dice.chance(0.05) ? 'latin1' : 'utf8');
  const frame = dice.chance(0.2) ? zstdCompressSync(body) : frameOf(body, 0, 0);
  let header = JSON.stringify({ ...validHeader, totals });
  if (dice.chance(0.07)) header = change(header, headerChanges);
  const bytes = Buffer.concat([Buffer.from(`${header}\n`), frame]);
  return { kinds, bytes: dice.chance(0.1) ? change(bytes, byteChanges) : bytes };
}

export const validHeader = {
  ...{ reeve: 'manifest', format: manifestFormat, run: 'r', plan: 'p', source: '/s', startedAt: '', endedAt: '' },
  skipped: { vanished: 0, changed: 0, unreadable: 0 },
  skippedList: null,
};

/** What the entries come to, however odd they are. */
export function totalsOf(lines: readonly Line[]): { files: number; directories: number; bytes: number } {
  const totals = { files: 0, directories: 0, bytes: 0 };
  for (const { type, size } of lines) {
    if (type === 'directory') totals.directories += 1;
    else if (type !== 'data' && type !== 'footer') totals.files += 1;
    if (type === 'file' && typeof size === 'number') totals.bytes += size;
  }
  return totals;
}

function nastyTotals(dice: Dice): unknown {
  const number = () => (dice.chance(0.5) ? dice.below(9) : dice.pick(nastyValues));
  return dice.chance(0.2) ? dice.pick(nastyValues) : { files: number(), directories: number(), bytes: number() };
}

/** Lines with `more` put in at a place of chance, after the source's own. */
function inserted(lines: Line[], dice: Dice, ...more: Line[]): Line[] {
  return lines.toSpliced(1 + dice.below(lines.length), 0, ...more);
}

/** Lines with one of them (of the given types, where any is) replaced by what `change` makes of it. */
function altered(lines: Line[], dice: Dice, change: (line: Line) => Line | Line[], ...types: string[]): Line[] {
  const fitting = [...lines.keys()].filter(at => types.length === 0 || types.some(type => type === lines[at]?.type));
  if (fitting.length === 0) return lines;
  const at = dice.pick(fitting);
  return lines.toSpliced(at, 1, ...[change(lines[at] ?? {})].flat());
}

function fieldOf(line: Line, dice: Dice): string {
  return dice.pick(Object.keys(line).concat('type'));
}

const attributes = { mode: 0o755, uid: 0, gid: 0, mtimeUs: 0 };
const evil = (path: unknown): Line => ({ type: 'file', path, size: 1, content: [[1]], ...attributes });

const below = (path: unknown) => `${typeof path === 'string' ? path : 'a'}/evil`;

const lineChanges: Record<string, Change<Line[]>> = {
  'a line is gone': (lines, dice) => lines.toSpliced(dice.below(lines.length), 1),
  'a line stands twice': (lines, dice) => altered(lines, dice, line => [line, line]),
  'a line has moved': (lines, dice) => {
    const [line = {}] = lines.splice(dice.below(lines.length), 1);
    return lines.toSpliced(dice.below(lines.length + 1), 0, line);
  },
  'the order is turned round': (lines, dice) => {
    const from = dice.below(lines.length);
    const to = from + dice.below(lines.length - from) + 1;
    return [...lines.slice(0, from), ...lines.slice(from, to).reverse(), ...lines.slice(to)];
  },
  'a field is nasty': (lines, dice) =>
    altered(lines, dice, line => ({ ...line, [fieldOf(line, dice)]: dice.pick(nastyValues) })),
  'an attribute is nasty': (lines, dice) =>
    altered(
      lines,
      dice,
      line => ({ ...line, [dice.pick(Object.keys(attributes))]: dice.pick(nastyNumbers) }),
      ...['directory', 'file', 'symlink', 'special'],
    ),
  'a field is missing': (lines, dice) => altered(lines, dice, line => ({ ...line, [fieldOf(line, dice)]: undefined })),
  'a path is nasty': (lines, dice, canary) =>
    altered(lines, dice, line => ({ ...line, path: dice.pick(nastyPaths(canary)) })),
  'a nasty path is added': (lines, dice, canary) => inserted(lines, dice, evil(dice.pick(nastyPaths(canary)))),
  'a directory is called otherwise, in all of its paths': (lines, dice) => {
    const directories = lines.filter(({ type }) => type === 'directory');
    const paths = directories.flatMap(({ path }) => (typeof path === 'string' && path !== '' ? [path] : []));
    if (paths.length === 0) return inserted(lines, dice, evil('../evil'));
    const path = dice.pick(paths);
    const other =
      path.slice(0, path.lastIndexOf('/') + 1) + dice.pick(['..', '..', '..', '.', '../canary', '', 'a/..']);
    return lines.map(line => {
      const isIn = typeof line.path === 'string' && `${line.path}/`.startsWith(`${path}/`);
      return isIn ? { ...line, path: other + String(line.path).slice(path.length) } : line;
    });
  },
  'a symlink points anywhere': (lines, dice, canary) =>
    altered(
      lines,
      dice,
      ({ path }) => ({ type: 'symlink', path, target: dice.pick(nastyTargets(canary)), ...attributes }),
      ...['file', 'symlink', 'link', 'special'],
    ),
  'a directory becomes a symlink': (lines, dice, canary) =>
    altered(lines, dice, line => ({ ...line, type: 'symlink', target: canary }), 'directory'),
  'an entry stands below a symlink': (lines, dice, canary) =>
    altered(
      lines,
      dice,
      ({ path }) => [{ type: 'symlink', path, target: canary, ...attributes }, evil(below(path))],
      ...['file', 'symlink', 'special'],
    ),
  'a symlink has the name of a directory': (lines, dice, canary) =>
    altered(
      lines,
      dice,
      line => {
        const both: Line[] = [{ ...line, type: 'symlink', target: canary }, line];
        return dice.chance(0.5) ? both : both.reverse();
      },
      'directory',
    ),
  'a file has contents like a directory': (lines, dice) =>
    altered(lines, dice, line => [line, evil(below(line.path))], 'file', 'link', 'special'),
  'a hard link goes astray': (lines, dice) =>
    inserted(lines, dice, { type: 'link', path: dice.pick(['0', 'm', 'zz']), group: dice.below(4) }),
  'a group is taken': (lines, dice) => altered(lines, dice, line => ({ ...line, group: dice.below(3) }), 'file'),
  'a file is huge': (lines, dice) =>
    altered(
      lines,
      dice,
      line => {
        const size = dice.pick([2 ** 50, 2 ** 53 - 1, 2 ** 53, 1e308]);
        return { ...line, size, content: [[size]], sparse: dice.chance(0.5) || undefined };
      },
      'file',
    ),
  'content is nasty': (lines, dice) =>
    altered(
      lines,
      dice,
      line => ({
        ...line,
        content: dice.pick<unknown>([
          ...[[[dice.pick(nastyValues)]], [dice.pick(nastyValues)], [[1, '../../../etc/passwd']], [[-1], [2]]],
          ...[[[3, 'f'.repeat(64)]], [[3, 'F'.repeat(64)]], [[3, ['f'.repeat(64)]]], Array(2_000).fill([1]), []],
        ]),
      }),
      ...['file', 'data'],
    ),
  'data belongs to nothing': (lines, dice) => inserted(lines, dice, { type: 'data', content: [[1 + dice.below(9)]] }),
  'a footer stands in between': (lines, dice) => inserted(lines, dice, { type: 'footer', totals: totalsOf(lines) }),
  'the source is no directory': (lines, dice) => (dice.chance(0.5) ? lines.slice(1) : [evil(''), ...lines.slice(1)]),
  'nothing is changed': lines => lines,
};

const textChanges: Record<string, Change<string[]>> = {
  'a key stands twice': texts => texts.map(text => `${text.slice(0, -1)},"path":"../evil"}`),
  'the prototype is set': texts =>
    texts.map(text => `{"__proto__":{"path":"../evil","type":"file","polluted":true},${text.slice(1)}`),
  'a text is not JSON': (texts, dice) =>
    texts.toSpliced(
      dice.below(texts.length),
      1,
      dice.pick(['', '{', '[]', 'null', '7', '"x"', '{}{}', '\0', '\ufeff{}']),
    ),
  'a text is cut': (texts, dice) => {
    const at = dice.below(texts.length);
    return texts.with(at, (texts[at] ?? '').slice(0, dice.below(texts[at]?.length ?? 0)));
  },
  'lines end as on Windows': texts => texts.map(text => `${text}\r`),
  'two lines are one': texts => [texts.join(' ')],
  'a text is nested deeply': (texts, dice) => {
    const depth = dice.pick([100, 20_000]);
    return texts.with(dice.below(texts.length), `{"path":${'['.repeat(depth)}${']'.repeat(depth)}}`);
  },
};

const headerChanges: Record<string, Change<string>> = {
  'a field of the header is nasty': (header, dice) => {
    const json = JSON.parse(header);
    return JSON.stringify({ ...json, [fieldOf(json, dice)]: dice.pick(nastyValues) });
  },
  'the header lies': (header, dice) => JSON.stringify({ ...JSON.parse(header), totals: nastyTotals(dice) }),
  'the header is not one': (_, dice) => dice.pick(['', '{}', 'null', '[]', '7', 'x', '{"reeve":"manifest"}', '\0']),
  'the header has no end': (header, dice) => header + ' '.repeat(dice.pick([60_000, 70_000])),
  'the header sets the prototype': header => `{"__proto__":{"polluted":true},${header.slice(1)}`,
};

const byteChanges: Record<string, Change<Buffer>> = {
  'bytes are flipped': (bytes, dice) => {
    for (let count = dice.below(8); count >= 0; count -= 1) bytes[dice.below(bytes.length)] = dice.below(256);
    return bytes;
  },
  'the file is cut': (bytes, dice) => bytes.subarray(0, dice.below(bytes.length)),
  'bytes are put in': (bytes, dice) => {
    const at = dice.below(bytes.length);
    return Buffer.concat([bytes.subarray(0, at), Buffer.alloc(dice.below(99), dice.below(256)), bytes.subarray(at)]);
  },
  'a stretch is gone': (bytes, dice) => {
    const at = dice.below(bytes.length);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + dice.below(99))]);
  },
  'more follows the frame': (bytes, dice) =>
    Buffer.concat([bytes, dice.pick([frameOf('more\n', 0, 0), Buffer.from('more'), skippableFrame(bytes)])]),
  'a frame to pass over stands first': bytes => {
    const end = bytes.indexOf(0x0a) + 1;
    return Buffer.concat([bytes.subarray(0, end), skippableFrame(Buffer.alloc(9)), bytes.subarray(end)]);
  },
};
