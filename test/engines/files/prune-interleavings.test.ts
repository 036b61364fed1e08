/** Prunes beside backups, all of them stopped and killed anywhere. */
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { Dice } from '../../support/dice.ts';
import { repetitions } from '../../support/repetitions.ts';
import { backupJob, type Engine, startEngine } from './engine-process.ts';
import { doHere } from './in-process.ts';
import { isQuiet, Place, sourceOf } from './prune-place.ts';

describe('backups that count on what prunes are about to sweep, stopped and killed anywhere,', () => {
  const backupPoints = [
    'stock.registered',
    'stock.taken',
    'frame.before-write',
    'frame.after-write',
    'pack.before-rename',
    'pack.after-rename',
    'manifest.staged',
  ];
  const prunePoints = [
    'prune.slot-removed',
    'prune.manifest-removed',
    'prune.removal-finished',
    'prune.judged',
    'prune.pack-condemned',
    'prune.packs-condemned',
    'prune.pack-put-back',
    'prune.pack-swept',
    'prune.copied',
    'frame.after-write',
    'pack.after-rename',
  ];
  const told = { stopped: 0, killed: 0, pending: 0 };
  const seeds = Array.from({ length: repetitions(200, 70) }, (_, seed) => seed);

  test.each(seeds)('restore all the same (%i)', async seed => {
    const dice = new Dice(seed + 1);
    const place = new Place();
    const failpoint = (points: readonly string[]) =>
      dice.chance(0.2) ? '' : `${dice.pick(points)}=${dice.chance(0.6) ? 'stop' : 'kill'}@${1 + dice.below(3)}`;
    const backups = dice.chance(0.5) ? ['next-1', 'other-1'] : ['next-1'];
    const jobs = [
      ...backups.map(run => ({
        job: backupJob(run, sourceOf(run).path, place.repository),
        failpoints: failpoint(backupPoints),
      })),
      ...(dice.chance(0.5) ? [['old-1', 'older-1'], ['old-1']] : [['old-1', 'older-1']]).map(old => ({
        job: place.pruneJob(old),
        failpoints: failpoint(prunePoints),
      })),
    ];
    const engines: Engine[] = [];
    const engineOf = new Map<string, Engine>();
    onTestFinished(() => {
      for (const engine of engines) engine.process.kill('SIGKILL');
    });
    for (const { job, failpoints } of shuffled(jobs, dice)) {
      const engine = startEngine(place.scratch, job, { failpoints });
      engines.push(engine);
      engineOf.set(job.run, engine);
      if (dice.chance(0.6)) await isQuiet(engine);
    }
    await Promise.all(engines.map(isQuiet));
    for (const engine of shuffled(engines, dice)) {
      if (engine.process.exitCode === null && engine.process.signalCode === null) told.stopped += 1;
      engine.process.kill('SIGCONT');
      if (dice.chance(0.6)) await engine.ended;
    }
    for (const engine of engines) {
      const { signal, status, stderr } = await engine.ended;
      if (signal === 'SIGKILL') told.killed += 1;
      else expect({ status, stderr }).toMatchObject({ status: 0 });
    }
    // A prune that was killed is asked again; what a run of a backup comes to is up to the dice.
    const { pending } = await doHere(place.pruneJob(['old-1', 'older-1']));
    told.pending += pending.packs;
    const kept = ['kept-1'];
    await place.holds(kept);
    for (const run of shuffled(backups, dice)) {
      if (dice.chance(0.2)) await doHere({ task: 'void', run, repository: place.repository, epoch: 1 });
      else {
        const engine = engineOf.get(run);
        const isStaged = engine?.process.exitCode === 0 && dice.chance(0.8);
        await place.commit(run, isStaged ? engine : undefined);
        kept.push(run);
      }
      await place.holds(kept);
      if (dice.chance(0.5)) await doHere(place.pruneJob([]));
    }
    await doHere(place.pruneJob([]));
    await place.holds(kept);
    await place.isClean();
  });

  afterAll(() => {
    const { stopped, killed, pending } = told;
    process.stderr.write(
      `measured: ${seeds.length} interleavings of prunes and backups: ${stopped} stopped, ${killed} killed, ${pending} packs waited for a run\n`,
    );
    expect(stopped + killed).toBeGreaterThan(0);
  });
});

function shuffled<T>(list: readonly T[], dice: Dice): T[] {
  const left = [...list];
  return list.map(() => left.splice(dice.below(left.length), 1)[0] as T);
}
