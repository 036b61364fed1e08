/**
 * The data set `image`, as of a virtual machine: one sparse file of 8 GiB with 1 GiB of data in scattered extents, every
 * second byte of it compressible. A change overwrites data in place.
 */
import { closeSync, ftruncateSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { type DataSet, gib, kib, mib, overwrite, sizeOf } from './file-tree.ts';
import { RandomData } from './random-data.ts';

const blockBytes = 4 * kib;
const extentBytesMin = 64 * kib;
const changeBytes = 64 * kib;

interface Extent {
  offset: number;
  bytes: number;
}

export async function makeSparseImage(path: string, scale: number): Promise<DataSet> {
  const data = new RandomData('image');
  const image = join(path, 'disk.img');
  const bytes = wholeBlocks(gib * scale);
  const apparentBytes = 8 * bytes;
  const extents = scatter(bytes, apparentBytes, data);
  mkdirSync(path);
  const file = openSync(image, 'wx');
  try {
    let [text, noise] = [0, 0];
    for (const extent of extents) {
      const isText = text <= noise;
      if (isText) text += extent.bytes;
      else noise += extent.bytes;
      const content = isText ? data.text(extent.bytes) : data.noise(extent.bytes);
      writeSync(file, content, 0, content.length, extent.offset);
      await setImmediate();
    }
    ftruncateSync(file, apparentBytes);
  } finally {
    closeSync(file);
  }
  return {
    path,
    summary: `${sizeOf(bytes)} of data in ${extents.length} extents of a sparse file of ${sizeOf(apparentBytes)}`,
    change: async round => change(image, extents, bytes * 0.01, new RandomData(`image-${round}`)),
  };
}

/** Extents that make up `bytes`, with holes of random lengths between them. */
function scatter(bytes: number, apparentBytes: number, data: RandomData): Extent[] {
  const lengths: number[] = [];
  for (let left = bytes; left > 0; left -= lengths.at(-1) ?? 0)
    lengths.push(Math.min(left, wholeBlocks(data.spread(extentBytesMin, 8 * mib))));
  // One hole before each extent and one behind the last; an exponential weight scatters them as chance would.
  const weights = [...lengths, 0].map(() => -Math.log(1 - data.fraction()));
  const unit = (apparentBytes - bytes) / weights.reduce((sum, weight) => sum + weight, 0);
  let offset = 0;
  return lengths.map((length, number) => {
    offset += Math.floor(((weights[number] ?? 0) * unit) / blockBytes) * blockBytes;
    const extent = { offset, bytes: length };
    offset += length;
    return extent;
  });
}

function change(image: string, extents: readonly Extent[], bytes: number, data: RandomData): void {
  for (let left = bytes; left > 0; left -= changeBytes) {
    const { part, offset } = data.place(extents.map(extent => extent.bytes));
    const extent = extents[part];
    if (!extent) continue;
    const length = Math.min(changeBytes, extent.bytes);
    const within = Math.min(wholeBlocks(offset), extent.bytes - length);
    overwrite(image, extent.offset + within, data.noise(length));
  }
}

function wholeBlocks(bytes: number): number {
  return Math.floor(bytes / blockBytes) * blockBytes;
}
