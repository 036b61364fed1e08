/** How much memory very many files take: a first backup, one that finds nothing changed, and a restore. */
import { join } from 'node:path';
import type { Row } from '../measure.ts';
import { type Bench, compare, type Findings, medianOf, usageInWords } from './comparison.ts';
import type { Contender } from './contender.ts';
import { makeTinyFiles } from './even-trees.ts';
import { FilesEngine } from './files-engine.ts';
import type { Usage } from './measured-process.ts';
import { Restic } from './restic.ts';
import { remove, settle } from './scratch.ts';

const counts = [1_000, 100_000];
const million = 1_000_000;
const peakBytesMax = 300e6;
const steps = ['first backup', 'unchanged', 'restore'] as const;

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
  const to = (contender: Contender) => join(bench.scratch, `restored-by-${contender.name}`);
  for (const step of steps)
    for (const [contender, usages] of [
      [engine, own],
      [restic, anchor],
    ] as const) {
      await settle(bench.scratch);
      const usage = step === 'restore' ? await contender.restore(to(contender)) : await contender.backUp(tree.path);
      usages.push(usage);
      bench.say(`files, ${inWords(count)}, ${step}: ${contender.name} ${usageInWords(usage)}`);
    }
  await remove(tree.path, engine.repository, restic.repository, to(engine), to(restic));
  return steps.map((step, number) => {
    const [one, other] = [own.slice(number, number + 1), anchor.slice(number, number + 1)];
    const row = compare(`files: peak memory, ${inWords(count)} files, ${step}`, 'peak', one, {
      name: 'restic',
      usages: other,
    });
    return { ...row, target: '< 300 MB', met: medianOf(one, 'peak') < peakBytesMax };
  });
}

function inWords(count: number): string {
  return count.toLocaleString('en');
}
