/**
 * Very many schedules on one agent: what each takes, how long until all are there, how late ten thousand ticks of one
 * second are, and how soon the first tick comes after a cold start. All as an agent does it, on a real nats-server: every
 * tick makes the record of a run and tells its fate. The runs themselves are not worked on.
 */
import { jetstream } from '@nats-io/jetstream';
import { runMachine } from '../../../machines/backup.ts';
import { scheduleDeadlineAt, scheduleDeadlineMs, scheduleMachine, version } from '../../../machines/schedule.ts';
import { Keeper } from '../../../src/actors/schedules/keeper.ts';
import { PlansAtHand } from '../../../src/actors/schedules/plans-at-hand.ts';
import { scheduleEffectsOf } from '../../../src/actors/schedules/schedule-effects.ts';
import { agentConfigOf } from '../../../src/domain/agent-config.ts';
import type { Schedule } from '../../../src/domain/schedule.ts';
import type { Link } from '../../../src/nats/connection.ts';
import { followDocuments, newestChange } from '../../../src/nats/document-feed.ts';
import { NatsFates } from '../../../src/nats/fates.ts';
import { NatsPlanStore } from '../../../src/nats/plan-store.ts';
import { NatsScheduleStore } from '../../../src/nats/schedule-store.ts';
import { Runtime } from '../../../src/runtime/runtime.ts';
import { Supervisor } from '../../../src/runtime/supervisor.ts';
import { SystemClock } from '../../../src/runtime/system-clock.ts';
import { heapBytes, ms, percentile, type Row, timed } from '../measure.ts';
import {
  actorsSubject,
  bareCreate,
  bounded,
  hostOf,
  linkTo,
  names,
  natsStores,
  openServer,
  plainConnection,
} from '../stage.ts';

export const ticking = 10_000;
const atOnce = 256;

/** Six fields: one second of each day. */
export function cronOf(at: Date): string {
  return `${at.getUTCSeconds()} ${at.getUTCMinutes()} ${at.getUTCHours()} * * *`;
}

/** One incarnation of an agent that has schedules and nothing else. */
async function openAgent(url: string, onTold: (schedule: string, tickMs: number) => void) {
  const link = await linkTo(url);
  const stores = natsStores(link);
  const clock = new SystemClock();
  const runtime = new Runtime(hostOf(stores, clock));
  const quiet = { clock, observe: () => undefined, random: Math.random };
  const supervisor = new Supervisor({ name: 'schedules', ...quiet, stopOrder: 'together' });
  const plans = new PlansAtHand(new NatsPlanStore(link, names), () => newestChange(link, names));
  const actors = scheduleEffectsOf({
    config: agentConfigOf({ name: 'bench', data: '/data' }),
    runtime,
    store: stores.store,
    plans,
    fates: new NatsFates(link, names),
    catalog: {} as never,
    membership: { list: async () => [] } as never,
    clock,
    observe: fact => {
      if (fact.fact === 'tick.fated') onTold(fact.schedule, Date.parse(fact.tick));
    },
    custody: { take: async () => false, takeUntaken: async () => false, created: () => undefined },
    askAgents: () => Promise.reject(new Error('there are no others')),
    onEvent: () => () => undefined,
    untilReplayed: async () => undefined,
  });
  runtime.define(
    {
      kind: 'schedule',
      version,
      machine: scheduleMachine.provide({ actors }),
      deadlineMs: scheduleDeadlineMs,
      deadlineAt: scheduleDeadlineAt,
      returnedEvent: 'agent.returned',
    },
    supervisor,
  );
  runtime.define({ kind: 'backup', version: 1, machine: runMachine('backup') }, supervisor);
  const keeper = new Keeper<Schedule>({
    runtime,
    agent: 'bench',
    follow: heard =>
      followDocuments(link, names, {
        ...plans.heard,
        plan: (name, stored) => {
          plans.heard.plan(name, stored);
          heard.plan(name, stored && (stored.written.labels ?? {}));
        },
        schedule: (name, stored) =>
          heard.schedule(name, stored && { document: stored.schedule, revision: stored.revision }),
      }),
    members: async () => [],
    inputOf: ({ plan }, document, revision) => ({ document, plan, revision }),
    ...quiet,
  });
  const close = async () => {
    await keeper.close();
    await supervisor.drain(clock.now() + 60_000); // tells nobody, and leaves the records as a kill does
    clock.close();
    await link.close();
  };
  return { link, runtime, keeper, close };
}

/** Puts the documents: most plans have a schedule that comes in half a year, `ticking` of them one that comes at `at`. */
async function putDocuments(url: string, count: number, at: Date): Promise<void> {
  const link = await linkTo(url);
  const plans = new NatsPlanStore(link, names);
  const schedules = new NatsScheduleStore(link, names);
  const labels = (n: number) => ({ when: n < ticking ? 'now' : 'later' });
  const engine = { type: 'files' as const, path: '/srv' };
  await bounded(count, atOnce, n =>
    plans.put({ name: `p${n}`, labels: labels(n), engine, repository: { path: '/backup' } }),
  );
  await plans.put({ name: 'pulse', engine, repository: { path: '/backup' } });
  const later = new Date(Date.now() + 180 * 86_400_000);
  const yearly = `0 0 ${later.getUTCDate() % 28 || 1} ${later.getUTCMonth() + 1} *`;
  const task = 'backup' as const;
  await schedules.put({ name: 'now', plans: { labels: { when: 'now' } }, task, cron: cronOf(at) });
  await schedules.put({ name: 'later', plans: { labels: { when: 'later' } }, task, cron: yearly, spread: '24h' });
  await schedules.put({ name: 'pulse', plan: 'pulse', task, every: '1s' });
  await link.close();
}

/** As many creates of as many bytes, by the client library: the least that a write each can take. */
async function bareCreates(url: string, { link }: { link: Link }, count: number): Promise<string> {
  const sample = await natsStores(link).store.read('schedule', 'now--p0');
  const value = Buffer.from(JSON.stringify(sample?.record));
  const plain = await plainConnection(url);
  const client = jetstream(plain);
  const create = (n: number) => bareCreate(client, actorsSubject(`${n}`, 'bare'), value);
  const tookMs = await timed(() => bounded(count, atOnce, create));
  await plain.close();
  return `as many bare creates of ${value.length} bytes ${ms(tookMs)}`;
}

/** The figures of so many; ten thousand of them come `leadMs` after the start. */
export async function ofAgent(count: number, leadMs: number): Promise<Row[]> {
  const server = await openServer();
  const label = `${count.toLocaleString('en')} schedules`;
  try {
    const made = Date.now();
    const at = new Date(Math.ceil((made + leadMs) / 1_000) * 1_000);
    await putDocuments(server.url, count, at);
    const first = await openAgent(server.url, () => undefined);
    const makingMs = await timed(() => first.keeper.open());
    await first.close();

    const heapBefore = heapBytes();
    const late: number[] = [];
    let pulseMs: number | undefined;
    const coldMs = performance.now();
    const agent = await openAgent(server.url, (schedule, tickMs) => {
      if (schedule === 'pulse') pulseMs ??= performance.now() - coldMs;
      if (schedule === 'now') late.push(Date.now() - tickMs);
    });
    const loadMs = await timed(() => agent.keeper.open());
    const eachBytes = (heapBytes() - heapBefore) / count;
    const loaded = [...agent.runtime.actors].length;
    if (loaded !== count + 1) throw new Error(`${loaded} of ${count} schedules were loaded`);
    if (Date.now() > at.getTime()) throw new Error(`loading took ${Date.now() - at.getTime()} ms too long`);
    while (late.length < ticking && Date.now() < at.getTime() + 60_000)
      await new Promise(resolve => setTimeout(resolve, 50));
    if (late.length !== ticking) throw new Error(`${late.length} of ${ticking} ticks were told`);
    const bare = await bareCreates(server.url, agent, count);
    await agent.close();
    const plain = { anchor: '', ratio: '', target: '', met: true };
    return [
      { figure: `${label}: memory each`, value: `${(eachBytes / 1_024).toFixed(1)} KiB`, ...plain },
      { figure: `${label}: created, a write each`, value: ms(makingMs), ...plain, anchor: bare },
      { figure: `${label}: loaded after a kill, a write each`, value: ms(loadMs), ...plain, anchor: bare },
      { figure: `${label}: cold start to the first fate of a tick`, value: ms(pulseMs ?? Number.NaN), ...plain },
      {
        figure: `${label}: lateness of the fates of 10,000 ticks of one second, p50`,
        value: `${ms(percentile(late, 0.5))} (p99 ${ms(percentile(late, 0.99))}, nats-server ${server.version})`,
        ...plain,
      },
    ];
  } finally {
    await server.stop();
  }
}
