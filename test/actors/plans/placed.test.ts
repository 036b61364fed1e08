/** Plans on several agents: whichever of them hears a command, the one that the placement gives does the work. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { TestAgent } from '../../support/agent.ts';
import { eventually } from '../../support/eventually.ts';
import { World } from '../../support/world.ts';
import { Wire } from '../wire.ts';

let world: World;
let wire: Wire;
let agents: Map<string, TestAgent>;

beforeEach(async () => {
  world = await World.open();
  wire = await Wire.open(world.server.url);
  agents = new Map();
  world.fill(2, 10_000);
});
afterEach(async () => {
  await wire?.close();
  await world?.close();
});

/** Starts agents of these names; a lease is short, so that a killed one is soon seen to be away. */
async function run(...names: string[]): Promise<void> {
  await runUnder({}, ...names);
}

async function runUnder(env: Readonly<Record<string, string>>, ...names: string[]): Promise<void> {
  const start = async (name: string) => {
    const config = join(world.directory, `${name}.yaml`);
    const data = join(world.directory, `data-${name}`);
    const repositories = { nas: { type: 'files', path: join(world.directory, `nas-${name}`) } };
    const document = { kind: 'Agent', name, data, labels: { rack: name }, lease: '3s', repositories };
    writeFileSync(config, stringify(document));
    agents.set(name, await world.runAgent({ name, data, config, env }));
  };
  await Promise.all(names.map(start));
  await seen(...agents.keys());
}

/** Resolves once all agents are seen by whichever of them answers. */
async function seen(...names: string[]): Promise<void> {
  const look = async () => {
    for (let asked = 0; asked < 6; asked += 1) {
      const known = (await world.ask('agent.list')).agents as { name: string; mode: string }[];
      const running = known.filter(({ mode }) => mode === 'running').map(({ name }) => name);
      if (running.join() !== [...names].sort().join()) return false;
    }
    return true;
  };
  await eventually(`agents ${names}`, look, 20_000);
}

async function put(name: string, placement: object | undefined): Promise<void> {
  const engine = { type: 'files', path: world.source };
  await world.ask('plan.put', { name, engine, repository: 'nas', ...(placement && { placement }) });
}

async function agentOf(id: string, kind = 'backup'): Promise<unknown> {
  return (await world.ending(id, kind)).context.agent;
}

test('a plan runs, is restored and is verified on the agent that it names, whichever hears the command, once', async () => {
  await run('a', 'b');
  for (const agent of ['a', 'b']) {
    await put(`on-${agent}`, { agent });
    for (let turn = 0; turn < 2; turn += 1) {
      const answers = await wire.answers('backup.start', { plan: `on-${agent}` }, () => world.ask('agent.list'));
      expect(answers).toEqual([{ ok: true, id: expect.any(String) }]);
      expect(await agentOf(String(answers[0]?.id))).toBe(agent);
    }
    const verify = await world.ask('verify.start', { plan: `on-${agent}` });
    expect(await agentOf(String(verify.id), 'verify')).toBe(agent);
    const restore = await world.ask('restore.start', { plan: `on-${agent}`, to: join(world.directory, `to-${agent}`) });
    expect(await agentOf(String(restore.id), 'restore')).toBe(agent);
    expect((await world.ask('backup.list', { plan: `on-${agent}` })).backups).toHaveLength(2);
  }
  const to = join(world.directory, 'elsewhere');
  const { id } = await world.ask('restore.start', { plan: 'on-a', to, on: 'b' });
  expect(await agentOf(String(id), 'restore')).toBe('b');
});

test('labels choose among the agents that have them, and any among all, the same one each time', async () => {
  await run('a', 'b', 'c');
  await put('racked', { labels: { rack: 'b' } });
  expect(await agentOf(await world.start('racked'))).toBe('b');
  await put('anywhere', { any: true });
  const chosen = [await agentOf(await world.start('anywhere')), await agentOf(await world.start('anywhere'))];
  expect(chosen[0]).toBe(chosen[1]);
  expect(await world.refusal('backup.start', { plan: 'racked', requestId: '' })).toMatchObject({ code: 'invalid' });
  const none = { name: 'none', engine: { type: 'files', path: world.source }, repository: 'nas' };
  expect(await world.refusal('plan.put', { ...none, placement: { labels: { rack: 'z' } } })).toMatchObject({
    code: 'unavailable',
    message: 'plan none: no agent that lives has the labels of its placement',
  });
});

test('what is wrong or unknown is answered by one agent, not by each', async () => {
  await run('a', 'b');
  const wrong: [string, object][] = [
    ['backup.start', { plan: 'nowhere' }],
    ['backup.start', { plan: 'Not A Name' }],
    ['backup.start', { plan: 'docs', extra: 1 }],
    ['restore.start', { backup: 'none', to: '/x' }],
    ['verify.start', { plan: 'nowhere' }],
    ['plan.put', { name: 'docs' }],
    ['nothing.such', {}],
  ];
  for (const [name, input] of wrong) {
    const answers = await wire.answers(name, input, () => world.ask('agent.list'));
    expect({ name, input, answers }).toEqual({ name, input, answers: [{ ok: false, error: expect.any(Object) }] });
  }
});

test('a plan without a placement is refused once two agents live, to be put and to be run', async () => {
  await run('a');
  await put('unplaced', undefined);
  expect(await agentOf(await world.start('unplaced'))).toBe('a');
  await run('b');
  expect(await world.refusal('backup.start', { plan: 'unplaced' })).toMatchObject({
    code: 'refused',
    message: 'plan unplaced has no placement, and 2 agents live: a, b',
  });
  const document = { name: 'other', engine: { type: 'files', path: world.source }, repository: 'nas' };
  expect(await world.refusal('plan.put', document)).toMatchObject({
    code: 'invalid',
    message: expect.stringContaining('placement: is missing, and 2 agents live: a, b'),
    hint: 'say where it runs, for example placement: { agent: a }',
  });
  const to = join(world.directory, 'restored');
  expect(await world.refusal('restore.start', { plan: 'unplaced', to })).toMatchObject({ code: 'refused' });
  const { id } = await world.ask('restore.start', { plan: 'unplaced', to, on: 'a' });
  expect(await agentOf(String(id), 'restore')).toBe('a');
});

test('a run on another agent stands in the way of one of the same plan, wherever the plan is placed by then', async () => {
  await runUnder({ REEVE_FAILPOINTS: 'frame.before-write=stop@1' }, 'a', 'b');
  await put('docs', { agent: 'a' });
  const id = await world.start('docs');
  const { pid } = await world.stoppedEngine();
  await put('docs', { agent: 'b' });
  expect(await world.refusal('backup.start', { plan: 'docs' })).toMatchObject({
    code: 'conflict',
    message: `backup ${id} of plan docs is transferring on agent a`,
  });
  process.kill(pid, 'SIGCONT');
  expect(await agentOf(id)).toBe('a');
  expect(await wire.answers('actor.logs', { kind: 'backup', id }, () => world.ask('agent.list'))).toEqual([
    { ok: true, text: expect.any(String) },
  ]);
  const next = await world.start('docs');
  process.kill((await world.stoppedEngine()).pid, 'SIGCONT');
  expect(await agentOf(next)).toBe('b');
});

test('an agent that is away is named, whether it was killed or has left, and nothing waits for it', async () => {
  await run('a', 'b', 'c');
  await put('on-b', { agent: 'b' });
  await put('on-c', { agent: 'c' });
  await agents.get('b')?.kill();
  expect((await agents.get('c')?.terminate())?.status).toBe(0);
  await seen('a');
  for (const agent of ['b', 'c']) {
    const refused = { code: 'unavailable', message: `agent ${agent} is away`, hint: expect.any(String) };
    expect(await world.refusal('backup.start', { plan: `on-${agent}` })).toMatchObject(refused);
    expect(await world.refusal('agent.drain', { agent })).toMatchObject(refused);
  }
  expect((await world.ask('backup.list')).backups).toEqual([]);
});

test('a drained agent starts nothing and says so, and goes on when it is undrained', async () => {
  await run('a');
  await put('docs', undefined);
  expect(await world.ask('agent.drain', { agent: 'a', note: 'a new disk' })).toMatchObject({
    actor: { kind: 'agent', id: 'a', event: 'agent.drain', note: 'a new disk' },
  });
  await world.reached('a', ({ state }) => state === 'draining.empty', 'agent');
  expect(await world.refusal('backup.start', { plan: 'docs' })).toMatchObject({
    code: 'refused',
    message: 'this agent is draining and starts no backup',
  });
  expect(await world.refusal('agent.drain', { agent: 'a' })).toMatchObject({ code: 'refused' });
  await world.ask('agent.undrain', { agent: 'a' });
  await world.reached('a', ({ state }) => state === 'running', 'agent');
  const start = () => world.start('docs').catch(() => undefined);
  expect(await agentOf(await eventually('a start', start))).toBe('a');
  expect(await world.ask('agent.shutdown', { agent: 'a' })).toMatchObject({ ok: true });
  expect((await agents.get('a')?.ended)?.status).toBe(0);
});
