import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { NatsMembership } from '../../src/nats/membership.ts';
import type { Lease } from '../../src/runtime/membership.ts';
import { eventually } from '../support/eventually.ts';
import { type NatsStore, openNatsStore } from '../support/nats-store.ts';

let store: NatsStore;
beforeAll(async () => {
  store = await openNatsStore();
});
afterAll(() => store.close());

const joined: NatsMembership[] = [];
afterEach(async () => {
  await Promise.all(joined.splice(0).map(each => each.leave(AbortSignal.timeout(2_000))));
});

let incarnations = 0;
function lease(agent: string, fields: Partial<Lease> = {}): Lease {
  incarnations += 1;
  return {
    agent,
    incarnation: `i${incarnations}`,
    host: 'host-a',
    process: { pid: 100 + incarnations, startedAt: '1', bootId: 'boot-a' },
    version: '0.1.0',
    labels: {},
    mode: 'joining',
    machines: { backup: 1 },
    actors: 0,
    since: new Date().toISOString(),
    ...fields,
  };
}

function member(of: Lease, options: { alive?: boolean; leaseMs?: number; now?: () => number } = {}): NatsMembership {
  const { alive = true, leaseMs = 1_500, now = Date.now } = options;
  const settings = { lease: of, leaseMs, now, isProcessAlive: () => alive };
  const membership = new NatsMembership(store.link, store.names, settings);
  joined.push(membership);
  return membership;
}

const find = async (from: NatsMembership, agent: string) => (await from.list()).find(each => each.agent === agent);

test('a member is known to the others with what it says of itself, and is gone when it left', async () => {
  const one = member(lease('known-one'));
  const two = member(lease('known-two'));
  await one.join();
  await two.join();
  one.announce({ mode: 'running', actors: 7 });
  const seen = await eventually('two sees it', async () => {
    const found = await find(two, 'known-one');
    return found?.mode === 'running' && found;
  });
  expect(seen).toMatchObject({ actors: 7, alive: true, host: 'host-a' });
  await one.leave(AbortSignal.timeout(2_000));
  await eventually('two sees it gone', async () => !(await find(two, 'known-one')));
});

test('a second process of the same name is refused, and the first is named', async () => {
  const first = lease('same');
  await member(first).join();
  const second = member(lease('same'));
  await expect(second.join()).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining(String(first.process.pid)),
  });
  const elsewhere = member(lease('same', { host: 'host-b' }));
  await expect(elsewhere.join()).rejects.toMatchObject({ code: 'conflict' });
});

test('the lease of a process that is proved dead is taken at once, and the old holder is told', async () => {
  const old = member(lease('dead'), { leaseMs: 60_000 });
  await old.join();
  const lost = new Promise<Lease>(resolve => old.onLost(resolve));
  const heir = lease('dead');
  await member(heir, { alive: false, leaseMs: 60_000 }).join();
  expect((await lost).incarnation).toBe(heir.incarnation);
  const rebooted = lease('dead', { process: { pid: 1, startedAt: '1', bootId: 'boot-b' } });
  await member(rebooted, { alive: true, leaseMs: 60_000 }).join();
});

test('the silent lease of another host is taken after the lease', async () => {
  const { connection } = store.link;
  const silent = { ...lease('silent', { host: 'host-z' }), renewal: 1 };
  await connection.request('$KV.REEVE_AGENTS.silent', JSON.stringify(silent));
  await member(lease('silent'), { leaseMs: 300 }).join();
});

test('a member that falls silent is judged dead only after a lease in which the judge heard itself', async () => {
  const { connection } = store.link;
  const silent = { ...lease('quiet', { host: 'host-z' }), renewal: 1 };
  await connection.request('$KV.REEVE_AGENTS.quiet', JSON.stringify(silent));
  let aheadMs = 0;
  const judge = member(lease('judge'), { leaseMs: 2_500, now: () => Date.now() + aheadMs });
  await judge.join();
  await eventually('the judge hears itself', async () => judge.offsetMs() !== undefined);
  expect(await find(judge, 'quiet')).toMatchObject({ alive: true });
  // The judge slept: nothing came back in that time, so nothing may be concluded from it.
  aheadMs = 60_000;
  expect(await find(judge, 'quiet')).toMatchObject({ alive: true });
  await eventually('it is judged dead', async () => (await find(judge, 'quiet'))?.alive === false);
  expect(await find(judge, 'judge')).toMatchObject({ alive: true });
});

test('when a member was last heard of is the same for whoever joins later, with whatever clock, also of one that left', async () => {
  const began = Date.now();
  const gone = member(lease('gone'));
  await gone.join();
  await gone.leave(AbortSignal.timeout(2_000));
  const left = Date.now();
  const later = [0, 86_400_000].map(aheadMs => member(lease(`later-${aheadMs}`), { now: () => Date.now() + aheadMs }));
  const heard: number[] = [];
  for (const each of later) {
    await each.join();
    heard.push(await eventually('it is heard of', () => each.lastHeardMs('gone')));
  }
  expect(heard[0]).toBe(heard[1]);
  expect(heard[0]).toBeGreaterThanOrEqual(began);
  expect(heard[0]).toBeLessThanOrEqual(left);
  const own = await eventually('it hears itself', () => later[1]?.lastHeardMs('later-86400000'));
  expect(Math.abs(own - Date.now())).toBeLessThan(2_000);
  expect(later[1]?.lastHeardMs('never-there')).toBeUndefined();
});

test('the offset of the cluster is measured, and follows a clock that is set', async () => {
  let aheadMs = 30_000;
  const one = member(lease('offset'), { now: () => Date.now() + aheadMs });
  expect(one.offsetMs()).toBeUndefined();
  await one.join();
  const measured = await eventually('measured', () => one.offsetMs());
  expect(Math.abs(measured + 30_000)).toBeLessThan(500);
  aheadMs = -30_000;
  await eventually('measured anew', () => Math.abs((one.offsetMs() ?? 0) - 30_000) < 500);
});

test('a lease survives a kill of the server', async () => {
  const one = member(lease('survivor'), { leaseMs: 15_000 });
  await one.join();
  let isLost = false;
  one.onLost(() => {
    isLost = true;
  });
  await store.server.kill();
  await store.server.restart();
  await store.link.untilUp();
  one.announce({ mode: 'running' });
  await eventually('it is renewed', async () => (await find(one, 'survivor'))?.mode === 'running');
  expect(isLost).toBe(false);
});
