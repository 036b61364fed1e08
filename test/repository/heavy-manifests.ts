/**
 * Manifests that are after memory, time or room on the disk: bombs, endless lines, and trees as deep and counts as high as
 * JSON has them. Each is small as a file; a stream makes the ones that would not be.
 */
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createZstdCompress } from 'node:zlib';
import { validHeader } from './hostile-manifests.ts';
import { frameOf, skippableFrame } from './zstd-frames.ts';

export interface HeavyManifest {
  name: string;
  /** What the restore of it comes to. */
  outcome: string;
  bytes: () => Buffer | Promise<Buffer>;
}

const attributes = { mode: 0o755, uid: 0, gid: 0, mtimeUs: 0 };
const source = { type: 'directory', path: '', ...attributes };
const most = Number.MAX_SAFE_INTEGER;
/** Totals that claim as much as a header can. */
const endless = { files: most, directories: most, bytes: most };
/** Four gibibytes, in blocks of 128 KiB. */
const blocks = 32_768;

const headerOf = (totals: object, more = {}) => Buffer.from(`${JSON.stringify({ ...validHeader, totals, ...more })}\n`);
const text = (...lines: object[]) => lines.map(line => `${JSON.stringify(line)}\n`).join('');
const endOf = (totals: object) => text({ type: 'footer', totals });
const withBody = (frame: Buffer, totals: object = endless) => Buffer.concat([headerOf(totals), frame]);

/** One file, whose content is a single hole, or as many as a line may have. */
function fileOf(size: number, more: object = {}): Buffer {
  const totals = { files: 1, directories: 1, bytes: size };
  const file = { type: 'file', path: 'a', size, content: [[size]], ...attributes, ...more };
  return withBody(frameOf(text(source, file) + endOf(totals), 0, 0), totals);
}

const counted = (files: number, directories: number) => ({ files, directories, bytes: 0 });

/** A body of the source, `count` further lines and an end, made as it goes. */
async function bodyOf(count: number, line: (index: number) => object, totals: object, end = ''): Promise<Buffer> {
  function* parts(): Generator<string> {
    yield text(source);
    for (let index = 0; index < count; index += 100)
      yield text(...Array.from({ length: Math.min(100, count - index) }, (_, at) => line(index + at)));
    yield end;
  }
  return withBody(await buffer(Readable.from(parts()).pipe(createZstdCompress())), totals);
}

const whole = (count: number, line: (index: number) => object, totals: object) =>
  bodyOf(count, line, totals, endOf(totals));

const special = { type: 'special', kind: 'fifo', device: '0', ...attributes };
const level = (index: number) => ({ type: 'directory', path: `d${'/d'.repeat(index)}`, ...attributes });
const numbered = (index: number) => ({ ...special, path: String(index).padStart(9, '0') });
const sparse = { type: 'file', path: 'a', size: most, sparse: true, content: [], ...attributes };
const holes = { type: 'data', content: Array(1_024).fill([1]) };

export const heavyManifests: HeavyManifest[] = [
  { name: 'gigabytes of zeros', outcome: 'data-corrupt', bytes: () => withBody(frameOf('', 0, blocks)) },
  {
    name: 'gigabytes of one line',
    outcome: 'data-corrupt',
    bytes: () => withBody(frameOf(text(source), 0x61, blocks)),
  },
  {
    name: 'gigabytes of empty lines',
    outcome: 'data-corrupt',
    bytes: () => withBody(frameOf(text(source), 0x0a, blocks)),
  },
  {
    name: 'gigabytes after the footer',
    outcome: 'data-corrupt',
    bytes: () => {
      const totals = counted(0, 1);
      return withBody(frameOf(text(source) + endOf(totals), 0x20, blocks), totals);
    },
  },
  ...[23, 24, 27, 31, 41].map(windowLog => ({
    name: `a window of 2^${windowLog} bytes`,
    outcome: windowLog === 23 ? 'restored' : 'data-corrupt',
    bytes: () => withBody(frameOf(text(source) + endOf(counted(0, 1)), 0, 0, { windowLog }), counted(0, 1)),
  })),
  {
    name: 'a frame that claims an exbibyte',
    outcome: 'data-corrupt',
    bytes: () => withBody(frameOf(text(source), 0, 1, { claimedBytes: 2n ** 60n })),
  },
  {
    name: 'a frame without an end',
    outcome: 'data-corrupt',
    bytes: () => withBody(frameOf(text(source), 0, 0, { ended: false })),
  },
  {
    name: 'megabytes to pass over',
    outcome: 'data-corrupt',
    bytes: () => withBody(skippableFrame(Buffer.alloc(20_000_000))),
  },
  {
    name: 'a header of megabytes',
    outcome: 'data-corrupt',
    bytes: () => headerOf(endless, { plan: 'p'.repeat(8_000_000) }),
  },
  { name: 'megabytes without a header', outcome: 'data-corrupt', bytes: () => Buffer.alloc(8_000_000, 0x7b) },
  {
    name: 'a header that is nested deeply',
    outcome: 'data-corrupt',
    bytes: () => Buffer.from(`{"reeve":"manifest","format":${'['.repeat(30_000)}${']'.repeat(30_000)}}\n`),
  },
  ...[
    ['a line of 10 MB', ' '.repeat(10_000_000)],
    ['a path of 10 MB', text({ ...source, path: 'n'.repeat(10_000_000) })],
    ['a target of 10 MB', text({ type: 'symlink', path: 'a', target: 'n'.repeat(10_000_000), ...attributes })],
    ['a number of 10 MB', `{"type":"file","path":"a","size":${'9'.repeat(10_000_000)}}\n`],
    ['a path of names without end', text({ ...source, path: `${'d/'.repeat(400_000)}d` })],
    ['a line of brackets', `${'['.repeat(500_000)}${']'.repeat(500_000)}\n`],
    ['a path of brackets', `{"path":${'['.repeat(500_000)}${']'.repeat(500_000)}}\n`],
    ['pieces without number', text({ type: 'data', content: Array(200_000).fill([1]) })],
    ['keys without number', `{${Array.from({ length: 80_000 }, (_, key) => `"${key}":0`).join()}}\n`],
    ['data that says nothing', text({ type: 'data', content: [] }).repeat(1_000)],
  ].map(([name = '', line = '']) => ({
    name,
    outcome: 'data-corrupt',
    bytes: () => withBody(frameOf(text(source) + line, 0, 0)),
  })),
  { name: '10,000 levels', outcome: 'target-unwritable', bytes: () => bodyOf(10_000, level, endless) },
  { name: '400 levels', outcome: 'restored', bytes: () => whole(400, level, counted(0, 401)) },
  {
    name: 'a file of 2^53 - 1 pieces',
    outcome: 'data-corrupt',
    bytes: () => bodyOf(500, index => (index === 0 ? sparse : holes), endless),
  },
  {
    name: 'entries beyond what the header counts',
    outcome: 'data-corrupt',
    bytes: () => bodyOf(50_000, numbered, counted(3, 1)),
  },
  { name: '50,000 names', outcome: 'restored', bytes: () => whole(50_000, numbered, counted(50_000, 1)) },
  { name: 'zeros for which there is no room', outcome: 'target-full', bytes: () => fileOf(2 ** 50) },
  { name: 'more zeros than a file can have', outcome: 'target-full', bytes: () => fileOf(most) },
  { name: 'a size that is no integer', outcome: 'data-corrupt', bytes: () => fileOf(1.5) },
  { name: 'a size beyond the integers', outcome: 'data-corrupt', bytes: () => fileOf(2 ** 53) },
  { name: 'a size beyond all measure', outcome: 'data-corrupt', bytes: () => fileOf(1e308) },
  { name: 'a negative size', outcome: 'data-corrupt', bytes: () => fileOf(-1) },
  { name: 'a time beyond all clocks', outcome: 'data-corrupt', bytes: () => fileOf(1, { mtimeUs: 1e300 }) },
  { name: 'an owner that no system has', outcome: 'data-corrupt', bytes: () => fileOf(1, { uid: 2 ** 32 - 1 }) },
];
