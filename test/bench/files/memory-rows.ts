/** How much memory backups of very many files take, the first one and one that finds nothing changed. */
import { join } from 'node:path';
import type { Row } from '../measure.ts';
import { type Bench, compare, type Findings, medianOf, usageInWords } from './comparison.ts';
import { makeTinyFiles } from './even-trees.ts';
import { FilesEngine } from './files-engine.ts';
import type { Usage } from './measured-process.ts';
import { Restic } from './restic.ts';
import { remove, settle } from './scratch.ts';

const counts = [1_000, 100_000];
const million = 1_000_000;
const peakBytesMax = 300e6;
const backups = ['first backup', 'unchanged'] as const;

/** One round: memory hardly differs from run to run, and a million files take minutes. */
export async function memoryRows(bench: Bench): Promise<Findings> {
  const wanted = [...counts, ...(bench.isMillionWanted ? [million] : [])].map(count => Math.ceil(count * bench.scale));
  const rows: Row[] = [];
  for (const count of wanted) rows.push(...(await rowsFor(bench, count)));
  return { data: `files: trees of ${wanted.map(inWords).join(', ')} tiny files`, rows };
}

async function rowsFor(bench: Bench, count: number): Promise<Row[]> {
  const tree = await makeTinyFiles(join(bench.scratch, 'tiny'), count);
  bench.say(`files: ${tree.summary}`);
  const [own, anchor]: [Usage[], Usage[]] = [[], []];
  const [engine, restic] = [new FilesEngine(bench.scratch), new Restic(bench.scratch)];
  await engine.prepare();
  await restic.prepare();
  for (const backup of backups)
    for (const [contender, usages] of [
      [engine, own],
      [restic, anchor],
    ] as const) {
      await settle(bench.scratch);
      const usage = await contender.backUp(tree.path);
      usages.push(usage);
      bench.say(`files, ${inWords(count)}, ${backup}: ${contender.name} ${usageInWords(usage)}`);
    }
  await remove(tree.path, engine.repository, restic.repository);
  return backups.map((backup, number) => {
    const [one, other] = [own.slice(number, number + 1), anchor.slice(number, number + 1)];
    const row = compare(`files: peak memory, ${inWords(count)} files, ${backup}`, 'peak', one, {
      name: 'restic',
      usages: other,
    });
    return { ...row, target: '< 300 MB', met: medianOf(one, 'peak') < peakBytesMax };
  });
}

function inWords(count: number): string {
  return count.toLocaleString('en');
}
