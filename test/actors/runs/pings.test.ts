/** Pings to a real HTTP server: what is asked for and when, and that none ever stands in the way of a run. */
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { Pings, pingUrl } from '../../../src/actors/runs/pings.ts';
import type { Fact } from '../../../src/domain/facts.ts';
import type { RunContext } from '../../../src/domain/run.ts';
import { eventually } from '../../support/eventually.ts';
import { World } from '../../support/world.ts';

let server: Server;
let base: string;
let asked: string[];
/** How each request is answered: a status, or never. */
let answer: (request: number) => number | 'never';

beforeEach(async () => {
  asked = [];
  answer = () => 200;
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const status = answer(asked.length);
    if (status !== 'never') response.writeHead(status).end('ok');
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise(resolve => server.close(resolve));
});

const run = (change: Partial<RunContext> = {}) =>
  ({ id: 'docs-1', plan: 'docs', task: 'backup', ending: null, ...change }) as RunContext;

function pings(template = `${base}/{plan}`): { pings: Pings; told: Fact[] } {
  const told: Fact[] = [];
  const observe = (fact: Fact) => void told.push(fact);
  const made = new Pings({ pings: { docs: template }, observe, now: () => 'now', timeoutMs: 300, againAfterMs: 10 });
  return { pings: made, told };
}

describe('what is asked for', () => {
  const words = { schedule: 'nightly', plan: 'a/b', run: 'a b', state: 'timed-out' };
  test.each([
    ['https://hc.example/{schedule}', '', 'https://hc.example/nightly'],
    ['https://hc.example/{schedule}/', '/start', 'https://hc.example/nightly/start'],
    ['https://hc.example/ping/x?rid={run}&s={state}', '/fail', 'https://hc.example/ping/x/fail?rid=a%20b&s=timed-out'],
    ['https://hc.example/{plan}', '/fail', 'https://hc.example/a%2Fb/fail'],
  ])('%s with %j', (template, suffix, url) => {
    expect(pingUrl(template, words, suffix).href).toBe(url);
  });

  test('a start, then nothing added for completed and /fail for every other end, in their order', async () => {
    const { pings: made, told } = pings();
    answer = request => (request === 1 ? 503 : 200); // the start is tried again, and the end waits for it
    made.started(run());
    for (const ending of ['completed', 'partial', 'failed', 'cancelled'] as const) made.ended(run({ ending }));
    await made.settled(5_000);
    expect(asked).toEqual(['/docs/start', '/docs/start', '/docs', '/docs/fail', '/docs/fail', '/docs/fail']);
    expect(told).toEqual([]);
  });

  test('nothing for a plan without one, and for what is no backup', async () => {
    const { pings: made } = pings();
    made.started(run({ plan: 'constructor' }));
    made.ended(run({ task: 'verify', ending: 'completed' }));
    await made.settled(1_000);
    expect(asked).toEqual([]);
  });
});

describe('a ping that fails', () => {
  test('is tried three times and told, without its path', async () => {
    answer = () => 500;
    const { pings: made, told } = pings(`${base}/secret-of-{plan}`);
    made.started(run());
    await made.settled(5_000);
    expect(asked).toHaveLength(3);
    const fact = { fact: 'ping.failed', kind: 'backup', id: 'docs-1', ping: 'docs', at: 'now' };
    expect(told).toEqual([{ ...fact, message: `${base} answered 500` }]);
  });

  test('also where nothing answers, or nobody listens', async () => {
    answer = () => 'never';
    const silent = pings();
    silent.pings.started(run());
    await silent.pings.settled(5_000);
    expect(silent.told).toMatchObject([{ message: expect.stringContaining('did not answer') }]);
    const away = pings('http://127.0.0.1:1/{plan}');
    away.pings.started(run());
    await away.pings.settled(5_000);
    expect(away.told).toMatchObject([{ message: expect.stringMatching(/^http:\/\/127.0.0.1:1 did not answer: /) }]);
  });
});

describe('of a real agent', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.open();
    world.fill(1, 10_000);
  });
  afterEach(() => world?.close());

  async function runAgent() {
    const config = join(world.directory, 'agent.yaml');
    const document = { kind: 'Agent', name: 'here', data: world.data, pings: { docs: `${base}/{plan}?run={run}` } };
    writeFileSync(config, stringify(document));
    return await world.runAgent({ config });
  }

  test('a backup pings when it starts and when it is over; another plan does not', async () => {
    await runAgent();
    await world.plan('docs');
    await world.plan('other');
    await world.backUp('other');
    const { id } = await world.backUp('docs');
    await eventually('both pings', () => asked.length === 2);
    expect(asked).toEqual([`/docs/start?run=${id}`, `/docs?run=${id}`]);
    await world.plan('docs', { engine: { type: 'files', path: '/no/such/place' } });
    const failed = await world.backUp('docs');
    await eventually('two more', () => asked.length === 4);
    expect(asked.slice(2)).toEqual([`/docs/start?run=${failed.id}`, `/docs/fail?run=${failed.id}`]);
  });

  test('a monitor that never answers delays neither a run nor the end of the agent', async () => {
    answer = () => 'never';
    const agent = await runAgent();
    await world.plan('docs');
    const began = performance.now();
    expect(await world.backUp('docs')).toMatchObject({ state: 'completed' });
    expect(performance.now() - began).toBeLessThan(8_000);
    expect((await agent.terminate()).tookMs).toBeLessThan(5_000);
  });
});
