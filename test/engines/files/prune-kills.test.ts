/** Prunes that are killed at every step, and stopped. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { condemnedPacks } from '../../../src/repository/pack-names.ts';
import { openRepository } from '../../../src/repository/repository.ts';
import { backupJob, startEngine } from './engine-process.ts';
import { doHere } from './in-process.ts';
import { isQuiet, Place, sourceOf } from './prune-place.ts';

describe('a prune that is killed', () => {
  const steps = [
    'prune.slot-removed=kill@1',
    'prune.manifest-removed=kill@1',
    'prune.removal-finished=kill@1',
    'prune.pack-condemned=kill@1',
    'prune.packs-condemned=kill@1',
    'prune.pack-swept=kill@1',
    'pack.before-rename=kill',
    'pack.after-rename=kill',
    'prune.copied=kill',
    'prune.packs-condemned=kill@2',
    'prune.pack-swept=kill@3',
  ];
  test.each(steps)('at %s loses nothing, and the next one finishes it', async failpoints => {
    const place = new Place();
    const job = place.pruneJob(['old-1', 'older-1']);
    expect((await startEngine(place.scratch, job, { failpoints }).ended).signal).toBe('SIGKILL');
    const stillThere = failpoints === 'prune.slot-removed=kill@1' ? ['older-1'] : [];
    await place.holds(['kept-1', ...stillThere]);
    await doHere(job);
    await place.holds(['kept-1']);
    await place.isClean();
    expect(readdirSync(join(place.repository, 'tmp'))).toEqual([]);
  });

  test('while it puts back what a run came to need loses nothing, and the next one finishes it', async () => {
    const place = new Place();
    const stopped = startEngine(place.scratch, backupJob('next-1', sourceOf('next').path, place.repository), {
      failpoints: 'stock.taken=stop',
    });
    await isQuiet(stopped);
    expect(await doHere(place.pruneJob(['old-1', 'older-1']))).toMatchObject({ pending: { writers: { count: 1 } } });
    stopped.process.kill('SIGCONT');
    expect((await stopped.ended).status).toBe(0);
    await place.commit('next-1', stopped);
    await place.holds(['kept-1', 'next-1']);
    const job = place.pruneJob([]);
    const killed = startEngine(place.scratch, job, { failpoints: 'prune.pack-put-back=kill' });
    expect((await killed.ended).signal).toBe('SIGKILL');
    await place.holds(['kept-1', 'next-1']);
    await doHere(job);
    await place.holds(['kept-1', 'next-1']);
    await place.isClean();
  });
});

test('a prune that is told to stop ends before its next step, and the next one goes on', async () => {
  const place = new Place();
  const job = place.pruneJob(['old-1', 'older-1']);
  const pruning = startEngine(place.scratch, job, { failpoints: 'prune.packs-condemned=stop@1' });
  await isQuiet(pruning);
  pruning.process.kill('SIGTERM');
  pruning.process.kill('SIGCONT');
  expect((await pruning.ended).status).toBe(143);
  expect(await condemnedPacks(await openRepository(place.repository))).not.toEqual([]);
  await place.holds(['kept-1']);
  await doHere(job);
  await place.holds(['kept-1']);
  await place.isClean();
});

test('a backup that is committed after a prune has looked, and before it condemns, has all that it counted on', async () => {
  const place = new Place();
  const backup = startEngine(place.scratch, backupJob('next-1', sourceOf('next').path, place.repository), {
    failpoints: 'stock.taken=stop',
  });
  await isQuiet(backup);
  const pruning = startEngine(place.scratch, place.pruneJob(['old-1', 'older-1']), { failpoints: 'prune.judged=stop' });
  await isQuiet(pruning);
  backup.process.kill('SIGCONT');
  expect((await backup.ended).status).toBe(0);
  await place.commit('next-1', backup);
  pruning.process.kill('SIGCONT');
  expect((await pruning.ended).status).toBe(0);
  await place.holds(['kept-1', 'next-1']);
  await place.isClean();
});
