/**
 * A gear hash over memory, as WebAssembly: JavaScript takes eight times as long a byte. The module is written out here,
 * instruction by instruction, so that there is nothing to build and nothing that cannot be read.
 *
 * `scan(at, end, hash, shift)` goes on from `hash` at `at` and answers the first place, `end` at the most, where
 * `hash >>> shift` is zero; each step before that is `hash = (hash << 1) + gear[byte]`. Memory begins with the 256 words
 * of the gear; what is scanned stands behind them.
 *
 * It goes by pairs of bytes, for the hash after both waits for that before them alone, as their words are added up beside;
 * and by eight pairs until it looks for the end. Where it finds something among those, it goes through them again, one by
 * one.
 */
import { createHash } from 'node:crypto';

/** What of the global is used here: its types come with a browser's, which this project does not take. */
declare namespace WebAssembly {
  class Memory {
    constructor(size: { initial: number });
    readonly buffer: ArrayBuffer;
  }
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module, imports: Record<string, Record<string, Memory>>);
    readonly exports: Record<string, unknown>;
  }
}

/** One word a byte value, the first four bytes of sha256("reeve gear 1 <value>"): fixed for ever by the format. */
const gear = Int32Array.from({ length: 256 }, (_, value) =>
  createHash('sha256').update(`reeve gear 1 ${value}`).digest().readInt32LE(0),
);

export const gearBytes = 256 * 4;
const pageBytes = 64 * 1024;

export type Scan = (at: number, end: number, hash: number, shift: number) => number;

/** Memory for `bytes` bytes behind the gear, and the function that scans it. */
export function gearOver(bytes: number): { memory: ArrayBuffer; scan: Scan } {
  const memory = new WebAssembly.Memory({ initial: Math.ceil((gearBytes + bytes) / pageBytes) });
  new Int32Array(memory.buffer, 0, 256).set(gear);
  const { exports } = new WebAssembly.Instance(module, { m: { m: memory } });
  return { memory: memory.buffer, scan: exports.scan as Scan };
}

const [i32, none, block, loop, end] = [0x7f, 0x40, 0x02, 0x03, 0x0b];
const [at, to, hash, shift] = [0, 1, 2, 3];
/** Of the function's own: found is what is below the limit; the hash before a look at many bytes; a byte's word. */
const [limit, before, word] = [4, 5, 6];
const ownLocals = 3;
const get = (local: number) => [0x20, local];
const set = (local: number) => [0x21, local];
const int = (value: number) => [0x41, value]; // below 64, so one byte
const branchTo = (depth: number) => [0x0c, depth];
const branchIf = (depth: number) => [0x0d, depth];
const [below, above, notBelow, add, shiftLeft] = [0x49, 0x4b, 0x4f, 0x6a, 0x74];
const loadByte = (offset: number) => [0x2d, 0, offset];
const loadWord = [0x28, 2, 0];

const wordOf = (offset: number) => [...get(at), ...loadByte(offset), ...int(2), shiftLeft, ...loadWord];
const shifted = (local: number, bits: number) => [...get(local), ...int(bits), shiftLeft];
const step = [...shifted(hash, 1), ...wordOf(0), add, ...set(hash)];
const advance = (bytes: number) => [...get(at), ...int(bytes), add, ...set(at)];
const branchIfFound = (depth: number) => [...get(hash), ...get(limit), below, ...branchIf(depth)];

const pairsAtOnce = 8;
const pair = (offset: number) => [
  ...branchIfFound(1),
  ...[...wordOf(offset), ...set(word)],
  ...[...shifted(hash, 1), ...get(word), add, ...get(limit), below, ...branchIf(1)],
  ...[...shifted(hash, 2), ...shifted(word, 1), ...wordOf(offset + 1), add, add, ...set(hash)],
];

const code = [
  ...[...int(1), ...get(shift), shiftLeft, ...set(limit)],
  ...[block, none, block, none, loop, none],
  ...[...get(at), ...int(2 * pairsAtOnce), add, ...get(to), above, ...branchIf(2)],
  ...[...get(hash), ...set(before)],
  ...Array.from({ length: pairsAtOnce }, (_, place) => pair(2 * place)).flat(),
  ...[...advance(2 * pairsAtOnce), ...branchTo(0), end, end],
  ...[...get(before), ...set(hash), end],
  ...[block, none, loop, none],
  ...[...get(at), ...get(to), notBelow, ...branchIf(1), ...branchIfFound(1)],
  ...[...step, ...advance(1), ...branchTo(0), end, end],
  ...[...get(at), end],
];

/** As the format writes sizes: seven bits a byte, the last one below 128. */
const sizeOf = (bytes: number): number[] => (bytes < 128 ? [bytes] : [(bytes % 128) + 128, ...sizeOf(bytes >> 7)]);
const text = (name: string) => [name.length, ...Buffer.from(name)];
const section = (id: number, ...content: number[]) => [id, ...sizeOf(content.length), ...content];
const typeSection = section(1, 1, 0x60, 4, i32, i32, i32, i32, 1, i32);
const importSection = section(2, 1, ...text('m'), ...text('m'), 2, 0, 1);
const functionSection = section(3, 1, 0);
const exportSection = section(7, 1, ...text('scan'), 0, 0);
const body = [1, ownLocals, i32, ...code];
const codeSection = section(10, 1, ...sizeOf(body.length), ...body);

const module = new WebAssembly.Module(
  Uint8Array.of(
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...typeSection,
    ...importSection,
    ...functionSection,
    ...exportSection,
    ...codeSection,
  ),
);
