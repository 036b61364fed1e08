/**
 * Longhorn's replay: schedules of 2 s on several plans whose sources are written to all the time, and the whole cluster,
 * nats-server and agents, killed again and again at random moments. Their users' jobs went silent for good.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { tellMeasured } from '../../support/measured.ts';
import { repetitions } from '../../support/repetitions.ts';
import { type HistoryRecord, holesIn } from '../../support/world.ts';
import { Longhorn } from './longhorn.ts';
import { fatesOf, faultsOf, runsOf, tickOf } from './ticks.ts';

const everyMs = 2_000;
/** What a schedule may take beyond its interval, from the moment when all agents run again to the end of a new run. */
const boundMs = 15_000;
const rounds = repetitions(20, 7);

/** A schedule that selects its plans by its own name as a label; its task is the kind of its runs. */
interface Timed {
  name: string;
  kind: 'backup' | 'snapshot';
  plans: readonly string[];
}

let longhorn: Longhorn;
let timed: Timed[];
beforeEach(async () => {
  longhorn = await Longhorn.open();
  const all: Timed[] = [
    { name: 'often', kind: 'backup', plans: longhorn.plans },
    { name: 'shots', kind: 'snapshot', plans: longhorn.metricsPlans },
  ];
  timed = all.filter(({ plans }) => plans.length > 0);
});
afterEach(() => longhorn?.close());

test('after each kill of everything every schedule makes a new backup or snapshot in time; no tick is lost, none runs twice', async () => {
  const { world } = longhorn;
  const putAt = Date.now();
  for (const { name, kind } of timed)
    await world.ask('schedule.put', { name, plans: { labels: { [name]: 'yes' } }, task: kind, every: '2s' });
  await allRan();
  const tookMs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await sleep(Math.random() * everyMs);
    await longhorn.killAll();
    await sleep(Math.random() * 1.5 * everyMs);
    await world.server.restart();
    await longhorn.startAgents();
    tookMs.push(...(await allRan()));
  }
  tellDistribution(tookMs);
  for (const { name } of timed) await world.ask('schedule.delete', { name });
  const deletedAt = Date.now();

  const interrupted: string[] = [];
  const newest = new Map<string, HistoryRecord>();
  const newestOf = (kind: string, plan: string) => newest.get(`${kind} ${plan}`) as HistoryRecord;
  for (const { name, kind, plans } of timed)
    for (const plan of plans) {
      await world.reached(`${name}--${plan}`, ({ final }) => final, 'schedule');
      const runs = await runsOf(world, kind, name, plan);
      for (const { id } of runs) {
        expect(await world.ending(id, kind)).toMatchObject({ state: 'completed', context: { kept: [] } });
        const history = await world.history(id, kind);
        expect(holesIn(history)).toEqual([]);
        if (history.some(({ event }) => event === 'actor.adopted')) interrupted.push(id);
      }
      const fates = await fatesOf(world, name, plan);
      expect(faultsOf(fates, runs, everyMs)).toEqual([]);
      expect(Date.parse(fates[0]?.tick ?? '')).toBeLessThan(putAt + 2 * everyMs);
      expect(Date.parse(fates.at(-1)?.tick ?? '')).toBeGreaterThan(deletedAt - 2 * everyMs);
      newest.set(`${kind} ${plan}`, runs.at(-1) as HistoryRecord);
    }
  expect(interrupted.length).toBeGreaterThan(0);

  await longhorn.stopWriting();
  for (const plan of longhorn.plans) await onlyBackup(plan, newestOf('backup', plan));
  for (const plan of longhorn.metricsPlans) await onlySnapshot(plan, newestOf('snapshot', plan));
  const { prunes } = await world.read('prune.list', { limit: 10_000 });
  for (const { id } of prunes as { id: string }[])
    expect(await world.ending(id, 'prune')).toMatchObject({ state: 'completed' });
  const ofFiles = longhorn.filesPlans.map(plan => newestOf('backup', plan).id);
  expect((await world.listed()).sort()).toEqual(ofFiles.sort());
  await eventually('no directory of a run', () => longhorn.runDirectories().length === 0);
  for (const plan of longhorn.metricsPlans) expect(await longhorn.missingIn(newestOf('backup', plan))).toEqual([]);
});

/** How long each plan of each schedule takes until a run of a tick that comes from now on has completed. */
async function allRan(): Promise<number[]> {
  const since = Date.now();
  const of = async ({ kind, plans }: Timed) => {
    let rows: Row[] = [];
    const look = async () => {
      rows = (await longhorn.world.read(`${kind}.list`, { limit: 10_000 }))[`${kind}s`] as Row[];
      const done = rows.filter(({ id, state }) => state === 'completed' && tickOf(id) >= since);
      const tookMs = plans.map(plan => done.findLast(row => row.plan === plan)).map(row => endedMs(row) - since);
      if (!tookMs.some(Number.isNaN)) return tookMs;
      await sleep(100); // a look costs all agents something
      return undefined;
    };
    const wanted = `a ${kind} of ${plans} by a tick after ${new Date(since).toISOString()}`;
    return await eventually(wanted, look, everyMs + boundMs).catch(async (cause: unknown) => {
      throw new Error(`${String(cause)}; not over are ${JSON.stringify(await unfinished(kind, rows))}`);
    });
  };
  return (await Promise.all(timed.map(of))).flat();
}

/** How the runs came to where they are that are not over, for whoever has to find out why. */
async function unfinished(kind: string, rows: readonly Row[]): Promise<string[][]> {
  const ids = rows.filter(({ endedAt }) => endedAt === null).map(({ id }) => id);
  const histories = await Promise.all(ids.map(id => longhorn.world.history(id, kind)));
  return histories.map(history =>
    history.map(({ id, at, state, event, context }) => `${id} ${at} ${state} ${event} ${context.message}`),
  );
}

interface Row {
  id: string;
  plan: string;
  state: string;
  endedAt: string | null;
}

function endedMs(row: Row | undefined): number {
  return Date.parse(row?.endedAt ?? '');
}

function tellDistribution(tookMs: readonly number[]): void {
  const sorted = tookMs.toSorted((one, other) => one - other);
  for (const share of [0.5, 0.9, 1])
    tellMeasured(
      `p${share * 100} of ${sorted.length} first runs after ${rounds} kills`,
      sorted[Math.ceil(share * sorted.length) - 1] ?? 0,
    );
}

/** Resolves once the retention has left of a plan just this backup, in the catalog and where it lies. */
async function onlyBackup(plan: string, { id }: HistoryRecord): Promise<void> {
  const left = async () => {
    const { backups } = await longhorn.world.read('catalog.list', { plan });
    return [(backups as Row[]).map(each => each.id), longhorn.destinations(plan)];
  };
  const wanted = [[id], longhorn.metrics.has(plan) ? [id] : []];
  await eventually(
    `only ${id} of ${plan}`,
    async () => JSON.stringify(await left()) === JSON.stringify(wanted),
    60_000,
  );
}

/** Resolves once the server of a plan has no snapshot but that of this run. */
async function onlySnapshot(plan: string, { context }: HistoryRecord): Promise<void> {
  const { position } = context.result as { position: string };
  const left = async () => await longhorn.metrics.get(plan)?.victoria.snapshots();
  await eventually(`only ${position} of ${plan}`, async () => (await left())?.join() === position, 60_000);
}
