import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { linesOfFile } from '../../src/engines/files/file-lines.ts';
import { lineOf, type Piece, parseLine } from '../../src/repository/manifest.ts';
import { PlainFileLine, plainFileLine } from '../../src/repository/plain-file-line.ts';
import { Dice } from '../support/dice.ts';
import { repetitions } from '../support/repetitions.ts';

const attributes = { mode: 0o644, uid: 0, gid: 1_000, mtimeUs: 1_700_000_000_123_456 };
const hash = createHash('sha256').update('a chunk').digest('hex');
const usual = {
  ...attributes,
  size: 7,
  sparse: false,
  seen: '12:1700000000123456789',
  content: [[7, hash]] as Piece[],
};

/** The line between others, as it stands in a block. */
function read(text: string): PlainFileLine | undefined {
  const [line, front] = [Buffer.from(text, 'latin1'), Buffer.from('{"type":"footer"}\n')];
  const block = Buffer.concat([front, line, Buffer.from('\n,"mode":0}],"0":[[\n')]);
  return plainFileLine(block, front.length, front.length + line.length);
}

/** Without its end, one character a byte. */
function bytesOfLine(text: string): string {
  return Buffer.from(text.slice(0, -1)).toString('latin1');
}

/** What the line says, as parseLine would have it. */
function said({ type, path, size, sparse, seen, mode, uid, gid, mtimeUs, ...line }: PlainFileLine, content: Piece[]) {
  expect(line).toEqual({});
  return { type, path, size, ...(sparse ? { sparse } : {}), seen, content, mode, uid, gid, mtimeUs };
}

function fileOfChance(dice: Dice): [path: string, group: number, read: Parameters<typeof linesOfFile>[2]] {
  const name = () => dice.pick(['a', 'a b', '.a', '..a', '...', '\xc3\xa9', '\xff', '"', '\\', '\n', '\x7f', "'{[,"]);
  const path = Array.from({ length: 1 + dice.below(4) }, name).join('/');
  const content = Array.from({ length: dice.below(4) }, (_, place): Piece => {
    const length = 1 + dice.below(9_000_000);
    return dice.chance(0.2) ? [length] : [length, createHash('sha256').update(`${path}${place}`).digest('hex')];
  });
  const mtimeUs = dice.pick([0, -1, 1_700_000_000_123_456, -62_135_596_800_000_000, 253_402_300_799_000_000]);
  const seen = dice.chance(0.9) ? `${dice.below(1e9)}:${dice.below(1e9)}${dice.below(1e9)}` : null;
  const size = content.reduce((sum, [length]) => sum + length, 0);
  const owner = () => dice.pick([0, 1_000, 2 ** 32 - 2]);
  const mode = dice.pick([0, 0o644, 0o7777]);
  const group = dice.chance(0.1) ? 1 + dice.below(9) : 0;
  return [path, group, { size, sparse: dice.chance(0.2), seen, content, mode, uid: owner(), gid: owner(), mtimeUs }];
}

test('a plain line says what its JSON says, and is written again as it was', () => {
  const plain = new Set<boolean>();
  for (let seed = 0; seed < repetitions(20_000); seed += 1) {
    const text = linesOfFile(...fileOfChance(new Dice(seed)));
    const line = read(bytesOfLine(text));
    plain.add(line !== undefined);
    if (!line) continue;
    const parsed = parseLine(text);
    expect(said(line, line.content()), `seed ${seed}`).toEqual(parsed);
    expect(line.text).toBe(text);
  }
  expect(plain).toEqual(new Set([true, false]));
});

test('a line that was changed anywhere is none, or still says what its JSON says in the words that are written', () => {
  let [same, none] = [0, 0];
  for (let seed = 0; seed < repetitions(100_000); seed += 1) {
    const dice = new Dice(seed);
    let text = bytesOfLine(linesOfFile(...fileOfChance(dice)));
    do {
      const at = dice.below(text.length);
      const piece = dice.pick(['', '0', '9', '-', '"', '\\', ',', '[', ']', ']],[[', ' ', 'A', '\xff', '.', '/', '\0']);
      text = text.slice(0, at) + piece + text.slice(at + dice.below(3));
    } while (dice.chance(0.3));
    const line = read(text);
    if (line) same += 1;
    else none += 1;
    if (!line) continue;
    const parsed = parseLine(Buffer.from(text, 'latin1').toString('utf8'));
    expect(said(line, line.content()), `seed ${seed}`).toEqual(parsed);
    expect(bytesOfLine(lineOf(parsed)), `seed ${seed}`).toBe(text);
  }
  expect(same).toBeGreaterThan(100);
  expect(none).toBeGreaterThan(100);
});

test('the usual line is plain, and one of an empty file and one with a hole', () => {
  for (const read of [usual, { ...usual, size: 0, content: [] }, { ...usual, sparse: true, content: [[3], [4, hash]] }])
    expect(plainFileLine(...whole(linesOfFile('dir/\xc3\xa9', 0, read as typeof usual)))).toBeInstanceOf(PlainFileLine);
});

function whole(text: string): [Buffer, number, number] {
  const bytes = Buffer.from(text);
  return [bytes, 0, bytes.length - 1];
}

test.each([
  ['with a field that nobody writes', (text: string) => text.replace('}', ',"more":1}')],
  ['with a field twice', (text: string) => text.replace('"uid":0', '"uid":0,"uid":0')],
  ['in another order', (text: string) => text.replace('"uid":0,"gid":1000', '"gid":1000,"uid":0')],
  ['with a name that leads out', (text: string) => text.replace('"a/b"', '"a/../b"')],
  ['with an empty name', (text: string) => text.replace('"a/b"', '"a//b"')],
  ['with more content than bytes', (text: string) => text.replace('"size":7', '"size":6')],
  ['with a size that is not safe', (text: string) => text.replaceAll('7', '9007199254740993')],
  ['with a padded number', (text: string) => text.replace('"uid":0', '"uid":00')],
  ['with a piece of nothing', (text: string) => text.replace('[[7,', '[[0],[7,')],
  ['with an owner who is none', (text: string) => text.replace('"uid":0', '"uid":4294967295')],
  ['with other bits than permissions', (text: string) => text.replace('"mode":420', '"mode":33188')],
  ['with a hash in capitals', (text: string) => text.replace(hash, hash.toUpperCase())],
  ['that is cut short', (text: string) => text.slice(0, -1)],
])('a line %s is not plain', (_, change) => {
  const text = bytesOfLine(linesOfFile('a/b', 0, usual));
  expect(read(text)).toBeDefined();
  expect(change(text)).not.toBe(text);
  expect(read(change(text))).toBeUndefined();
});

test('every chunk is asked for, holes are not, and one that is missing is enough', () => {
  const hashes = ['one', 'two', 'three'].map(each => createHash('sha256').update(each).digest('hex'));
  const content = [[5], [6, hashes[0]], [7, hashes[1]], [8], [9, hashes[2]], [1]] as Piece[];
  const line = read(bytesOfLine(linesOfFile('a', 0, { ...usual, size: 36, content })));
  const asked: string[] = [];
  const answer = (isThere: (sha256: string) => boolean) =>
    line?.everyChunk((bytes, at) => {
      asked.push(bytes.toString('latin1', at, at + 64));
      return isThere(asked.at(-1) as string);
    });
  expect(answer(() => true)).toBe(true);
  expect(asked.splice(0)).toEqual(hashes);
  expect(answer(each => each !== hashes[1])).toBe(false);
  expect(asked).toEqual(hashes.slice(0, 2));
});
