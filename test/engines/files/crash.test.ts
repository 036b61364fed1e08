import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { EngineEvent } from '../../../src/engines/files/events.ts';
import { eventually } from '../../support/eventually.ts';
import {
  backUpAndCommit,
  backupJob,
  type Engine,
  isStopped,
  listed,
  runJob,
  scratch,
  startEngine,
} from './engine-process.ts';
import { describeTree, noise } from './trees.ts';

/** A source that was backed up as p-1, and has changed since. */
async function changedSource() {
  const directory = scratch(onTestFinished);
  const [source, repository] = [join(directory, 'source'), join(directory, 'repository')];
  mkdirSync(source);
  writeFileSync(join(source, 'kept'), noise(2_000_000, 'kept'));
  const first = await backUpAndCommit(directory, 'p-1', source, repository);
  const before = describeTree(source);
  for (let index = 0; index < 12; index += 1)
    writeFileSync(join(source, `new-${index}`), noise(700_000, `new ${index}`));
  return { directory, source, repository, before, first };
}

const killed = (engine: Engine) =>
  engine.ended.then(({ signal }) => {
    expect(signal).toBe('SIGKILL');
  });

describe('an engine that is killed', () => {
  test.each([
    'frame.before-write=kill@1',
    'frame.half-written=kill@3',
    'frame.after-write=kill@1',
    'frame.after-write=kill@4',
    'pack.before-rename=kill',
    'pack.after-rename=kill',
    'manifest.staged=kill',
  ])('at %s leaves nothing listed, the backup before restores, and the next run completes', async failpoints => {
    const { directory, source, repository, before } = await changedSource();
    await killed(startEngine(directory, backupJob('p-2', source, repository), { failpoints }));
    expect(await listed(repository)).toEqual(['p-1']);
    const old = join(directory, 'old');
    await runJob(directory, { task: 'restore', repository, backup: 'p-1', to: old, include: [] });
    expect(describeTree(old)).toEqual(before);
    await backUpAndCommit(directory, 'p-2', source, repository);
    expect(await listed(repository)).toEqual(['p-2', 'p-1']);
    expect(readdirSync(join(repository, 'tmp'))).toEqual([]);
    expect(readdirSync(join(repository, 'manifests'))).toHaveLength(2);
    const verified = await runJob(directory, { task: 'verify', repository, backup: 'p-2' });
    expect(verified.damaged.count).toBe(0);
    const out = join(directory, 'out');
    await runJob(directory, { task: 'restore', repository, backup: 'p-2', to: out, include: [] });
    expect(describeTree(out)).toEqual(describeTree(source));
  });

  test('goes on where it was: what was stored is not stored again', async () => {
    const { directory, source, repository } = await changedSource();
    const [whole, chunk] = [12 * 700_000, 700_000];
    await killed(
      startEngine(directory, backupJob('p-2', source, repository), { failpoints: 'frame.after-write=kill@4' }),
    );
    // The one thread had written four; a frame that the other was at may be torn.
    const resumed = await runJob(directory, backupJob('p-2', source, repository));
    expect(resumed.bytesStored).toBeLessThan(whole - 3 * chunk);
    expect(resumed.bytesStored).toBeGreaterThan(0);
  });

  test('again and again, gets to its end all the same', async () => {
    const { directory, source, repository } = await changedSource();
    const job = backupJob('p-2', source, repository);
    let kills = 0;
    for (; ; kills += 1) {
      const engine = startEngine(directory, job, { failpoints: 'frame.after-write=kill@3' });
      if ((await engine.ended).signal === null) break;
      expect(await listed(repository)).toEqual(['p-1']);
      expect(kills).toBeLessThan(12);
    }
    expect(kills).toBeGreaterThan(1);
    await backUpAndCommit(directory, 'p-2', source, repository);
    expect((await runJob(directory, { task: 'verify', repository, backup: 'p-2' })).damaged.count).toBe(0);
  });

  test('before the link of its commit is not listed, after it is', async () => {
    const { directory, source, repository } = await changedSource();
    const { manifest } = await runJob(directory, backupJob('p-2', source, repository));
    const commit = { task: 'commit', run: 'p-2', repository, manifest, outcome: 'completed' } as const;
    await killed(startEngine(directory, commit, { failpoints: 'slot.before-link=kill' }));
    expect(await listed(repository)).toEqual(['p-1']);
    await killed(startEngine(directory, commit, { failpoints: 'slot.after-link=kill' }));
    expect(await listed(repository)).toEqual(['p-2', 'p-1']);
    // The agent asks again after the crash, and is answered as before.
    expect((await runJob(directory, commit)).slot).toMatchObject({ slot: 'manifest', manifest });
    expect(readdirSync(join(repository, 'tmp'))).toEqual([]);
  });

  test('and given up is discarded without a trace but its chunks', async () => {
    const { directory, source, repository } = await changedSource();
    await killed(startEngine(directory, backupJob('p-2', source, repository), { failpoints: 'manifest.staged=kill' }));
    await runJob(directory, { task: 'void', run: 'p-2', repository, epoch: 3 });
    await runJob(directory, { task: 'discard', run: 'p-2', repository });
    expect(readdirSync(join(repository, 'tmp'))).toEqual([]);
    expect(readdirSync(join(repository, 'manifests'))).toHaveLength(1);
    expect(await listed(repository)).toEqual(['p-1']);
  });
});

describe('a commit that is stopped just before its link', () => {
  const resultOf = (events: EngineEvent[]) => events.find(event => event.type === 'result')?.result;

  test('loses against a void made meanwhile, also when its files were discarded', async () => {
    const { directory, source, repository } = await changedSource();
    const { manifest } = await runJob(directory, backupJob('p-2', source, repository));
    const commit = { task: 'commit', run: 'p-2', repository, manifest, outcome: 'completed' };
    const stopped = startEngine(directory, commit, { failpoints: 'slot.before-link=stop' });
    await isStopped(stopped.process);
    const ended = await runJob(directory, { task: 'void', run: 'p-2', repository, epoch: 2 });
    expect(ended.slot).toMatchObject({ slot: 'void', epoch: 2 });
    await runJob(directory, { task: 'discard', run: 'p-2', repository });
    stopped.process.kill('SIGCONT');
    expect((await stopped.ended).status).toBe(0);
    expect(resultOf(stopped.events)).toMatchObject({ slot: { slot: 'void', epoch: 2 } });
    expect(await listed(repository)).toEqual(['p-1']);
    expect(readdirSync(join(repository, 'tmp'))).toEqual([]);
  });

  test('wins where it came first: the void that was stopped learns of the manifest', async () => {
    const { directory, source, repository } = await changedSource();
    const { manifest } = await runJob(directory, backupJob('p-2', source, repository));
    const wanted = { task: 'void', run: 'p-2', repository, epoch: 2 };
    const stopped = startEngine(directory, wanted, { failpoints: 'slot.before-link=stop' });
    await isStopped(stopped.process);
    await runJob(directory, { task: 'commit', run: 'p-2', repository, manifest, outcome: 'completed' });
    stopped.process.kill('SIGCONT');
    expect((await stopped.ended).status).toBe(0);
    expect(resultOf(stopped.events)).toMatchObject({ slot: { slot: 'manifest', manifest } });
    expect(await listed(repository)).toEqual(['p-2', 'p-1']);
  });
});

test('an engine that is stopped while another takes its run over cannot harm a chunk', async () => {
  const { directory, source, repository } = await changedSource();
  const job = backupJob('p-2', source, repository);
  const stopped = startEngine(directory, job, { failpoints: 'frame.before-write=stop@2' });
  await isStopped(stopped.process);
  const { manifest } = await runJob(directory, job);
  let ended = false;
  void stopped.ended.then(() => {
    ended = true;
  });
  // Its other thread may stop it once more.
  await eventually('it has gone on to its end', () => {
    stopped.process.kill('SIGCONT');
    return ended;
  });
  await runJob(directory, { task: 'commit', run: 'p-2', repository, manifest, outcome: 'completed' });
  const { damaged } = await runJob(directory, { task: 'verify', repository, backup: 'p-2' });
  expect(damaged.count).toBe(0);
});
