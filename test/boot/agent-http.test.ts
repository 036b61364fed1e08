/** What a real agent tells over HTTP, through a backup, an outage of NATS, a plan that goes, and its own end. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestAgent } from '../support/agent.ts';
import { eventually } from '../support/eventually.ts';
import { World } from '../support/world.ts';

let world: World;
let agent: TestAgent;
let url: string;
beforeAll(async () => {
  world = await World.open();
  world.fill(2, 1_000);
  agent = await world.runAgent();
  url = String((await agent.told('http.listening')).url);
});
afterAll(() => world?.close());

async function health(): Promise<string> {
  const response = await fetch(`${url}/healthz`);
  return `${response.status} ${(await response.text()).trim()}`;
}

async function metric(start: string): Promise<string[]> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return text.split('\n').filter(line => line.startsWith(start));
}

test('a backup is counted, and its plan has a time of its last complete one until it is deleted', async () => {
  expect(await health()).toBe('200 ok');
  await world.plan('leaves');
  const { state, context } = await world.backUp('leaves');
  expect(state).toBe('completed');
  const ended = 'reeve_runs_total{kind="backup",ending="completed",reason="none"}';
  expect(await metric(ended)).toEqual([`${ended} 1`]);
  const last = 'reeve_plan_last_complete_backup_timestamp_seconds{plan="leaves"}';
  const [line = ''] = await eventually('its last complete backup', async () => {
    const lines = await metric(last);
    return lines.length > 0 && lines;
  });
  const ageS = Date.parse(String(context.endedAt)) / 1_000 - Number(line.split(' ')[1]);
  expect(Math.abs(ageS)).toBeLessThan(30);
  expect(await metric('reeve_plan_overdue{plan="leaves"}')).toEqual(['reeve_plan_overdue{plan="leaves"} 0']);

  await world.ask('plan.delete', { name: 'leaves', keepBackups: true });
  await world.plan('stays');
  await world.backUp('stays'); // the next look, which else comes within a minute
  await eventually('no series of the plan', async () => (await metric(last)).length === 0);
  expect(await metric('reeve_plan_overdue')).toEqual(['reeve_plan_overdue{plan="stays"} 0']);
});

test('an agent whose port is taken runs all the same, and says so', async () => {
  const { host } = new URL(url);
  // It resolves once the agent takes work.
  const other = await world.runAgent({ name: 'other', data: world.dataOf('other'), http: host });
  expect(await other.told('http.not-listening')).toMatchObject({
    listen: host,
    message: expect.stringContaining('another process listens there already'),
  });
  expect((await other.terminate()).status).toBe(0);
});

test('an agent is not well in its drain, nor while NATS is away', async () => {
  await world.ask('agent.drain', { agent: 'here' });
  await eventually('not well', async () => (await health()) === '503 the agent is draining');
  const drains = 'reeve_drains_total{cause="agent.drain"}';
  await eventually('the drain is counted', async () => (await metric(drains))[0] === `${drains} 1`);
  await world.ask('agent.undrain', { agent: 'here' });
  await eventually('well again', async () => (await health()) === '200 ok');

  await world.server.kill();
  await eventually('not well', async () => (await health()) === '503 NATS is away');
  expect(await metric('reeve_nats_away ')).toEqual(['reeve_nats_away 1']);
  await world.server.restart();
  await eventually('well again', async () => (await health()) === '200 ok', 20_000);
  expect(await metric('reeve_nats_away ')).toEqual(['reeve_nats_away 0']);

  expect((await agent.terminate()).status).toBe(0);
  await expect(fetch(`${url}/healthz`)).rejects.toThrow();
});
