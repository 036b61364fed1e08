import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Fate, TickFate } from '../../src/domain/fate.ts';
import { NatsFates } from '../../src/nats/fates.ts';
import { streamInfo } from '../../src/nats/jetstream.ts';
import { type NatsStore, openNatsStore } from '../support/nats-store.ts';

let store: NatsStore;
let fates: NatsFates;
beforeAll(async () => {
  store = await openNatsStore();
  fates = new NatsFates(store.link, store.names);
});
afterAll(() => store?.close());

const startMs = Date.parse('2026-01-01T00:00:00.000Z');

function fateOf(schedule: string, plan: string, hour: number, fate: Fate): TickFate {
  const tick = new Date(startMs + hour * 3_600_000).toISOString();
  return { schedule, plan, tick, fate, reason: 'it was due', run: fate === 'ran' ? `${plan}-${hour}` : null, at: tick };
}

/** What another server, or the same after two minutes, does with a repeat: it stores it again. */
async function appendAnew(fate: TickFate): Promise<void> {
  store.link.connection.publish(store.names.fate(fate.schedule, fate.plan), JSON.stringify(fate));
  await store.link.connection.flush();
}

const told = (list: readonly TickFate[]) => list.map(({ plan, tick, fate }) => `${plan} ${tick.slice(11, 13)} ${fate}`);

test('fates are listed newest tick first, by schedule, plan, time and number', async () => {
  for (let hour = 0; hour < 3; hour += 1)
    for (const plan of ['a', 'b']) await fates.append(fateOf('nightly', plan, hour, 'ran'));
  await fates.append(fateOf('weekly', 'a', 1, 'missed'));
  expect(told(await fates.list({ schedule: 'nightly', plan: 'a' }))).toEqual(['a 02 ran', 'a 01 ran', 'a 00 ran']);
  expect(told(await fates.list({ plan: 'a', limit: 1 }))).toEqual(['a 02 ran']);
  expect(told(await fates.list({ schedule: 'weekly' }))).toEqual(['a 01 missed']);
  const hour = '2026-01-01T01:00:00.000Z';
  const between = await fates.list({ since: hour, until: hour });
  expect(told(between).sort()).toEqual(['a 01 missed', 'a 01 ran', 'b 01 ran']);
  expect(await fates.list({ since: '2027-01-01T00:00:00.000Z' })).toEqual([]);
  expect(await fates.list({ schedule: 'never' })).toEqual([]);
});

test('a repeat is stored once, and one that came too late for that is listed once', async () => {
  const fate = fateOf('repeat', 'a', 5, 'ran');
  const before = (await streamInfo(store.link, store.names.fatesStream))?.state.messages ?? 0;
  await Promise.all([fates.append(fate), fates.append(fate), fates.append(fate)]);
  expect((await streamInfo(store.link, store.names.fatesStream))?.state.messages).toBe(before + 1);
  await appendAnew(fate);
  expect((await streamInfo(store.link, store.names.fatesStream))?.state.messages).toBe(before + 2);
  expect(await fates.list({ schedule: 'repeat' })).toEqual([fate]);
});

test('of a tick the last fate holds, and that it was queued is overtaken by all others', async () => {
  await fates.append(fateOf('overlap', 'a', 6, 'queued'));
  expect(told(await fates.list({ schedule: 'overlap' }))).toEqual(['a 06 queued']);
  await fates.append(fateOf('overlap', 'a', 7, 'queued'));
  await fates.append(fateOf('overlap', 'a', 6, 'skipped-overlap'));
  await fates.append(fateOf('overlap', 'a', 7, 'ran'));
  await appendAnew(fateOf('overlap', 'a', 6, 'queued'));
  expect(told(await fates.list({ schedule: 'overlap' }))).toEqual(['a 07 ran', 'a 06 skipped-overlap']);
});

test('a limit takes the newest ticks, in whatever order many of them were appended', async () => {
  const hours = Array.from({ length: 200 }, (_, index) => (index * 37) % 200);
  for (const hour of hours) await appendAnew(fateOf('many', 'a', hour, 'queued'));
  for (const hour of hours) await appendAnew(fateOf('many', 'a', hour, hour % 2 === 0 ? 'ran' : 'missed'));
  const newest = await fates.list({ schedule: 'many', limit: 5 });
  const wanted = [199, 198, 197, 196, 195].map(hour => fateOf('many', 'a', hour, hour % 2 === 0 ? 'ran' : 'missed'));
  expect(newest).toEqual(wanted);
});
