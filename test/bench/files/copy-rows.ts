/**
 * A first backup beside a plain copy of the same tree: what a backup costs over moving the bytes. Once with the source in
 * the page cache, and once from the disk, as a nightly backup finds it.
 */
import { join } from 'node:path';
import type { Row } from '../measure.ts';
import { atMost, type Bench, compare, type Findings, usageInWords } from './comparison.ts';
import { makeNoise } from './even-trees.ts';
import { FilesEngine } from './files-engine.ts';
import { measure, type Usage } from './measured-process.ts';
import { forget, remove, settle } from './scratch.ts';

const target = atMost(1.5, '<= 1.5 times');

/** Blocks that only share what they copy would be no copy. */
const copy = 'cp -r --reflink=never "$1" "$2"';
const commands = { 'cp -r': copy, 'cp -r and sync -f': `${copy} && sync -f "$2"` };

export async function copyRows(bench: Bench): Promise<Findings> {
  const tree = await makeNoise(join(bench.scratch, 'noise'), bench.scale);
  const data = `noise: ${tree.summary}`;
  bench.say(data);
  const rows: Row[] = [];
  for (const place of ['in the page cache', 'on disk'] as const) {
    const own: Usage[] = [];
    const copies = Object.entries(commands).map(([name, command]) => ({ name, command, usages: [] as Usage[] }));
    const begin = async () => {
      await settle(bench.scratch);
      if (place === 'on disk') await forget(tree.path);
    };
    for (let round = 1; round <= bench.rounds; round += 1) {
      const engine = new FilesEngine(bench.scratch);
      await engine.prepare();
      await begin();
      own.push(await engine.backUp(tree.path));
      await remove(engine.repository);
      for (const { command, usages } of copies) {
        await begin();
        usages.push(await copied(bench, tree.path, command));
      }
      for (const { name, usages } of [{ name: 'files', usages: own }, ...copies])
        bench.say(`noise ${place}, round ${round}: ${name} ${usages.slice(-1).map(usageInWords)}`);
    }
    rows.push(...copies.map(anchor => compare(`noise ${place}: first backup`, 'whole', own, anchor, target)));
  }
  await remove(tree.path);
  return { data, rows };
}

async function copied(bench: Bench, source: string, command: string): Promise<Usage> {
  const to = join(bench.scratch, 'copy');
  const { usage } = await measure(bench.scratch, ['sh', '-c', command, 'copy', source, to]);
  await remove(to);
  return usage;
}
