/**
 * The engine beside restic on one data set: a first backup, one of the unchanged source, one after 1 % of it was changed,
 * a restore of everything. Each round begins with new repositories; the contenders take turns at each step.
 */
import { join } from 'node:path';
import { median } from '../measure.ts';
import {
  atMost,
  type Bench,
  compare,
  type Findings,
  inTimes,
  lessThanAnchor,
  megabytes,
  usageInWords,
} from './comparison.ts';
import type { Contender } from './contender.ts';
import type { DataSet, MakeDataSet } from './file-tree.ts';
import { FilesEngine } from './files-engine.ts';
import { runProcess, type Usage } from './measured-process.ts';
import { Restic } from './restic.ts';
import { empty, remove, settle, warm } from './scratch.ts';

const steps = ['first backup', 'unchanged', 'changed', 'restore'] as const;
type Step = (typeof steps)[number];
type Taken = Record<Step, Usage[]> & { repositoryBytes: number[] };

export async function backupRows(bench: Bench, name: string, make: MakeDataSet): Promise<Findings> {
  const set = await make(join(bench.scratch, name), bench.scale);
  bench.say(`${name}: ${set.summary}`);
  const [own, anchor] = [nothingTaken(), nothingTaken()];
  for (let round = 1; round <= bench.rounds; round += 1) {
    const turns: [Contender, Taken][] = [
      [new FilesEngine(bench.scratch), own],
      [new Restic(bench.scratch), anchor],
    ];
    await runRound(bench, name, set, round, turns);
  }
  await remove(set.path);
  return { data: `${name}: ${set.summary}`, rows: rowsOf(name, own, anchor) };
}

async function runRound(bench: Bench, name: string, set: DataSet, round: number, turns: [Contender, Taken][]) {
  for (const [contender] of turns) await contender.prepare();
  for (const step of steps) {
    if (step === 'changed') await set.change(round);
    await warm(set.path);
    for (const [contender, taken] of turns) {
      await settle(bench.scratch);
      const usage = step === 'restore' ? await restore(bench, contender, set, round) : await contender.backUp(set.path);
      taken[step].push(usage);
      bench.say(`${name}, round ${round}, ${step}: ${contender.name} ${usageInWords(usage)}`);
    }
  }
  for (const [contender, taken] of turns) {
    taken.repositoryBytes.push(await bytesOnDisk(contender.repository));
    await remove(contender.repository);
  }
}

/** What comes back is the source, or there is no figure. */
async function restore(bench: Bench, contender: Contender, set: DataSet, round: number): Promise<Usage> {
  const to = join(bench.scratch, `restored-${contender.name}-${round}`);
  const usage = await contender.restore(to);
  if (round === 1) await runProcess(['diff', '-rq', '--no-dereference', set.path, contender.restored(to, set.path)]);
  await empty(to);
  return usage;
}

async function bytesOnDisk(path: string): Promise<number> {
  return Number.parseInt(await runProcess(['du', '-s', '--block-size=1', path]), 10);
}

function nothingTaken(): Taken {
  return { 'first backup': [], unchanged: [], changed: [], restore: [], repositoryBytes: [] };
}

function rowsOf(name: string, own: Taken, anchor: Taken) {
  const restic = (step: Step) => ({ name: 'restic', usages: anchor[step] });
  const [ownBytes, anchorBytes] = [median(own.repositoryBytes), median(anchor.repositoryBytes)];
  return [
    compare(`${name}: first backup`, 'wall', own['first backup'], restic('first backup'), atMost(1)),
    compare(`${name}: CPU time of it`, 'cpu', own['first backup'], restic('first backup'), lessThanAnchor),
    compare(`${name}: peak memory of it`, 'peak', own['first backup'], restic('first backup'), lessThanAnchor),
    compare(`${name}: unchanged`, 'whole', own.unchanged, restic('unchanged'), atMost(0.5)),
    compare(`${name}: after 1 % was changed`, 'whole', own.changed, restic('changed')),
    compare(`${name}: restore`, 'whole', own.restore, restic('restore'), atMost(1)),
    {
      figure: `${name}: repository after the three backups`,
      value: megabytes(ownBytes),
      anchor: `restic ${megabytes(anchorBytes)}`,
      ratio: inTimes(ownBytes / anchorBytes),
      target: '',
      met: true,
    },
  ];
}
