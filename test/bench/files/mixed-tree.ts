/**
 * The data set `mixed`, 1 GiB as on a workstation: 40 % large files that nothing compresses, 30 % text, 20 % small files of
 * either, 10 % copies of the others. A change overwrites bytes in one place and inserts some in the next.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { type DataFile, type DataSet, FileTree, gib, kib, mib, overwrite } from './file-tree.ts';
import { RandomData } from './random-data.ts';

const editBytesMax = 64 * kib;

export async function makeMixedTree(path: string, scale: number): Promise<DataSet> {
  const data = new RandomData('mixed');
  const tree = new FileTree(path, 100);
  const bytes = Math.round(gib * scale);
  await fill(bytes * 0.4, async left => {
    const length = Math.min(left, data.spread(mib, 64 * mib));
    await tree.add('media', data.noise(length));
    return length;
  });
  await fill(bytes * 0.3, async left => {
    const length = Math.min(left, data.spread(100 * kib, 4 * mib));
    await tree.add('text', data.text(length));
    return length;
  });
  await fill(bytes * 0.2, async left => {
    const length = Math.min(left, data.spread(kib, 100 * kib));
    await tree.add('small', data.fraction() < 0.5 ? data.text(length) : data.noise(length));
    return length;
  });
  const originals = [...tree.files];
  await fill(bytes * 0.1, async left => {
    const fitting = originals.filter(file => file.bytes <= left);
    const original = fitting[data.between(0, fitting.length - 1)];
    if (!original) return left;
    await tree.add('copies', readFileSync(original.path));
    return original.bytes;
  });
  return {
    path,
    summary: tree.summary,
    change: round => edit(tree.files, bytes * 0.01, new RandomData(`mixed-${round}`)),
  };
}

/** Calls `add` with what is left of `bytes`, until what it says it added makes them up. */
async function fill(bytes: number, add: (left: number) => Promise<number>): Promise<void> {
  for (let left = Math.round(bytes); left > 0; ) left -= await add(left);
}

/** Edits as many bytes, in places of which each byte is as likely as another. */
async function edit(files: readonly DataFile[], bytes: number, data: RandomData): Promise<void> {
  for (let [left, isInsert] = [Math.round(bytes), false]; left > 0; isInsert = !isInsert) {
    const { part, offset } = data.place(files.map(file => file.bytes));
    const file = files[part];
    if (!file) continue;
    if (isInsert) {
      const length = data.between(1, editBytesMax);
      insert(file, offset, data.noise(length));
      left -= length;
    } else {
      const length = Math.min(file.bytes, editBytesMax);
      overwrite(file.path, Math.min(offset, file.bytes - length), data.noise(length));
      left -= length;
    }
    await setImmediate();
  }
}

function insert(file: DataFile, offset: number, content: Buffer): void {
  const old = readFileSync(file.path);
  writeFileSync(file.path, Buffer.concat([old.subarray(0, offset), content, old.subarray(offset)]));
  file.bytes += content.length;
}
