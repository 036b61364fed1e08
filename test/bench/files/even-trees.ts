/** Data sets whose files are all of one kind: many small ones, large ones that nothing compresses, a great many tiny ones. */
import { writeFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { type DataSet, FileTree, gib, kib, mib } from './file-tree.ts';
import { RandomData } from './random-data.ts';

/** The data set `small`: 200,000 files of 100 B to 8 KiB, half of them text. A change rewrites 1 % of the files. */
export async function makeSmallFiles(path: string, scale: number): Promise<DataSet> {
  const count = Math.round(200_000 * scale);
  const tree = new FileTree(path, 200);
  const data = new RandomData('small');
  while (tree.files.length < count) await tree.add('small', smallContent(data));
  return {
    path,
    summary: tree.summary,
    change: async round => {
      const changes = new RandomData(`small-${round}`);
      for (let left = Math.ceil(count / 100); left > 0; left -= 1) {
        const file = tree.files[changes.between(0, count - 1)];
        if (file) writeFileSync(file.path, smallContent(changes));
        if (left % 100 === 0) await setImmediate();
      }
    },
  };
}

function smallContent(data: RandomData): Buffer {
  // The square puts the median at a quarter of the range, some 2 KiB.
  const length = Math.floor(100 + (8 * kib - 100) * data.fraction() ** 2);
  return data.fraction() < 0.5 ? data.text(length) : data.noise(length);
}

/** The data set `noise`: 1 GiB in files of 16 MiB. */
export async function makeNoise(path: string, scale: number): Promise<FileTree> {
  const tree = new FileTree(path, 100);
  const data = new RandomData('noise');
  for (let left = Math.round(gib * scale); left > 0; left -= 16 * mib)
    await tree.add('noise', data.noise(Math.min(left, 16 * mib)));
  return tree;
}

/** As many tiny files, no two alike. */
export async function makeTinyFiles(path: string, count: number): Promise<FileTree> {
  const tree = new FileTree(path, 1_000);
  for (let number = 0; number < count; number += 1) await tree.add('tiny', Buffer.from(`tiny file ${number}\n`));
  return tree;
}
