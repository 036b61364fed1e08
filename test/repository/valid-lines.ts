/** A small valid tree of chance, as the lines of a manifest before its footer: every type, with holes for content. */
import { jsonOfPath } from '../../src/repository/byte-path.ts';
import type { Dice } from '../support/dice.ts';

/** A line's JSON; what is wrong with it is up to its reader. */
export type Line = Record<string, unknown>;

/** Byte strings in ascending order; two of them sort otherwise as whole paths (`a!`, `a-b`), one is not UTF-8. */
const names = ['\n', 'a', 'a!', 'a-b', 'ab', 'b', 'c\\d', 'evil', 'z', '\xc3\xa9', '\xff'];

export function validLines(dice: Dice): Line[] {
  const lines: Line[] = [{ type: 'directory', path: '', ...attributes(dice) }];
  const groups: number[] = [];
  const fill = (directory: string, depth: number): void => {
    for (const name of names) {
      if (!dice.chance(depth === 0 ? 0.4 : 0.2)) continue;
      const path = directory === '' ? name : `${directory}/${name}`;
      const isDirectory = depth < 4 && dice.chance(0.4);
      if (isDirectory) lines.push({ type: 'directory', path: jsonOfPath(path), ...attributes(dice) });
      else lines.push(...leaf(path, groups, dice));
      if (isDirectory) fill(path, depth + 1);
    }
  };
  fill('', 0);
  return lines;
}

function leaf(bytePath: string, groups: number[], dice: Dice): Line[] {
  const path = jsonOfPath(bytePath);
  if (groups.length > 0 && dice.chance(0.2)) return [{ type: 'link', path, group: dice.pick(groups) }];
  if (dice.chance(0.2)) return [{ type: 'symlink', path, target: dice.pick(['a', '..', '/']), ...attributes(dice) }];
  if (dice.chance(0.1)) {
    const kind = dice.pick(['fifo', 'socket', 'character', 'block']);
    return [{ type: 'special', path, kind, device: '7', ...attributes(dice) }];
  }
  const lengths = Array.from({ length: dice.below(4) }, () => 1 + dice.below(3_000));
  const split = dice.below(lengths.length + 1);
  const file: Line = { type: 'file', path, size: lengths.reduce((sum, length) => sum + length, 0) };
  if (dice.chance(0.3)) file.sparse = true;
  if (dice.chance(0.2)) {
    file.group = groups.length + 1;
    groups.push(groups.length + 1);
  }
  const further = lengths.slice(split).map(length => ({ type: 'data', content: [[length]] }));
  return [{ ...file, content: lengths.slice(0, split).map(length => [length]), ...attributes(dice) }, ...further];
}

function attributes(dice: Dice): Line {
  return {
    mode: dice.pick([0o755, 0o644, 0o600, 0, 0o7777, 0o4711]),
    uid: dice.pick([0, 1_000, 65_534]),
    gid: dice.pick([0, 1_000]),
    mtimeUs: dice.pick([0, -1, 1_700_000_000_123_456, -62_135_596_800_000_000]),
  };
}
