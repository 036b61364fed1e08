/** Two agents that write to one repository at the same moment, of sources that are alike in part. */
import { cpSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { threadCount } from '../../src/repository/thread-pool.ts';
import { backupJob, runJob } from '../engines/files/engine-process.ts';
import { doHere } from '../engines/files/in-process.ts';
import { bytesOf, packsOf } from '../engines/files/stored-frames.ts';
import { describeTree, noise } from '../engines/files/trees.ts';
import { eventually } from '../support/eventually.ts';
import { tellMeasured } from '../support/measured.ts';
import { type HistoryRecord, World } from '../support/world.ts';

const mebibyte = 1024 * 1024;
const names = ['a', 'b'] as const;
/** What both sources have, what both had at the first backup, and what each has of its own. */
const [commonBytes, ownBytes] = [8 * mebibyte, 4 * mebibyte];

let world: World;

beforeEach(async () => {
  world = await World.open();
});
afterEach(() => world?.close());

const sourceOf = (name: string) => join(world.directory, `source-${name}`);

/** Starts both agents; every thread of their engines stops before its second frame. */
async function runAgents(): Promise<void> {
  const start = (name: string) => {
    const [config, data] = [join(world.directory, `${name}.yaml`), join(world.directory, `data-${name}`)];
    writeFileSync(config, stringify({ kind: 'Agent', name, data }));
    return world.runAgent({ name, data, config, env: { REEVE_FAILPOINTS: 'frame.before-write=stop@2' } });
  };
  await Promise.all(names.map(start));
  await eventually('both agents are seen', async () => {
    const { agents } = await world.ask('agent.list');
    return (agents as { mode: string }[]).filter(({ mode }) => mode === 'running').length === names.length;
  });
}

async function put(name: string): Promise<void> {
  const engine = { type: 'files', path: sourceOf(name) };
  await world.ask('plan.put', { name, engine, repository: { path: world.repository }, placement: { agent: name } });
}

/** Lets what stops itself go on, as often as it does, until the runs are over. */
async function endings(ids: readonly string[]): Promise<HistoryRecord[]> {
  let over = false;
  const going = eventually(
    'the runs are over',
    () => {
      for (const { pid, state } of world.engines()) if (state === 'T') process.kill(pid, 'SIGCONT');
      return over;
    },
    60_000,
  );
  const ended = Promise.all(ids.map(id => world.ending(id)));
  ended
    .catch(() => undefined)
    .finally(() => {
      over = true;
    });
  await Promise.all([ended, going]);
  return ended;
}

const storedBy = ({ context }: HistoryRecord) => (context.result as { bytesStored: number | null }).bytesStored;

async function restores(name: string, id: string): Promise<void> {
  const to = join(world.directory, `restored-${id}`);
  await doHere({ task: 'restore', repository: world.repository, backup: id, to, include: [] });
  expect(describeTree(to)).toEqual(describeTree(sourceOf(name)));
  rmSync(to, { recursive: true });
  expect(await doHere({ task: 'verify', repository: world.repository, backup: id })).toMatchObject({
    damaged: { count: 0 },
  });
}

test('two agents back up to one repository at the same moment, both complete, and what one stored the other finds', async () => {
  for (const name of names) {
    mkdirSync(sourceOf(name));
    writeFileSync(join(sourceOf(name), 'common'), noise(commonBytes, 'common'));
    writeFileSync(join(sourceOf(name), `own-${name}`), noise(ownBytes, name));
  }
  await runAgents();
  for (const name of names) await put(name);

  const ids = await Promise.all(names.map(name => world.start(name)));
  // Both are under way, and have looked at what is there: neither can count on anything of the other.
  await eventually(
    'both engines write',
    () => world.engines().filter(({ state }) => state === 'T').length === 2,
    30_000,
  );
  const ended = await endings(ids);
  expect(ended.map(({ state }) => state)).toEqual(['completed', 'completed']);
  expect((await world.listed()).sort()).toEqual([...ids].sort());
  for (const [place, name] of names.entries()) await restores(name, ids[place] as string);
  const first = bytesOf(packsOf(world.repository));
  process.stderr.write(
    `measured: two at once: ${first} bytes in packs, of sources of ${2 * (commonBytes + ownBytes)}\n`,
  );
  expect(first).toBeLessThan(2 * (commonBytes + ownBytes) * 1.01);

  // Nothing is new to either, whoever stored it.
  for (const name of names) {
    const [again] = await endings([await world.start(name, { rescan: true })]);
    expect(again).toMatchObject({ state: 'completed' });
    expect(storedBy(again as HistoryRecord)).toBe(0);
  }

  // At once again, each with what the other alone had: all of it is there.
  cpSync(join(sourceOf('a'), 'own-a'), join(sourceOf('b'), 'of-a'));
  cpSync(join(sourceOf('b'), 'own-b'), join(sourceOf('a'), 'of-b'));
  const swapped = await endings(await Promise.all(names.map(name => world.start(name))));
  expect(swapped.map(({ state }) => state)).toEqual(['completed', 'completed']);
  expect(swapped.map(storedBy)).toEqual([0, 0]);
  for (const [place, name] of names.entries()) await restores(name, swapped[place]?.id as string);
  expect(bytesOf(packsOf(world.repository))).toBe(first);
  // The packs hold well below what the two sources have together by now.
  const together = names.flatMap(name =>
    readdirSync(sourceOf(name)).map(file => statSync(join(sourceOf(name), file)).size),
  );
  expect(first).toBeLessThan(together.reduce((sum, size) => sum + size, 0) * 0.8);
  expect(world.temporary()).toEqual([]);
});

test('two processes that store the same 256 MiB at the same moment store little of it twice', async () => {
  const bytes = 256 * mebibyte;
  const source = sourceOf('both');
  mkdirSync(source);
  for (let index = 0; index < 32; index += 1)
    writeFileSync(join(source, `large-${index}`), noise(7 * mebibyte, `${index}`));
  for (let index = 0; index < 4_096; index += 1)
    writeFileSync(join(source, `small-${index}`), noise(8 * 1024, `small ${index}`));
  const runs = ['p-1', 'p-2'];
  const began = performance.now();
  const results = await Promise.all(runs.map(run => runJob(world.directory, backupJob(run, source, world.repository))));
  tellMeasured('two processes with the same 256 MiB', performance.now() - began);
  expect(results.map(result => result.bytesRead)).toEqual([bytes, bytes]);
  for (const [place, run] of runs.entries()) {
    const { manifest, outcome } = results[place] as (typeof results)[number];
    await doHere({ task: 'commit', run, repository: world.repository, manifest, outcome });
    await restores('both', run);
  }
  const stored = bytesOf(packsOf(world.repository));
  process.stderr.write(
    `measured: the same ${bytes} bytes stored by two at once: ${stored} in packs, ${results.map(result => result.bytesStored)}\n`,
  );
  expect(stored).toBeGreaterThan(bytes);
  // What is in flight: for each thread three packs that are being synced, and the one that it writes, of 16 MiB.
  expect(stored).toBeLessThan(bytes + Math.min(threadCount() * 64 * mebibyte, bytes * 0.75));
  expect(world.temporary()).toEqual([]);
});
