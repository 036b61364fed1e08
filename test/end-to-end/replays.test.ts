/** What the systems that Reeve learns from went through: an engine out of time, and a transfer whose agent comes and goes. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sendSignal } from '../../src/runner/process-identity.ts';
import type { TestAgent } from '../support/agent.ts';
import { eventually } from '../support/eventually.ts';
import { holesIn, statesOf, World } from '../support/world.ts';

const script = fileURLToPath(new URL('../support/engines/while-marked.sh', import.meta.url));

let world: World;
let repository: string;
let mark: string;
beforeEach(async () => {
  world = await World.open();
  repository = join(world.directory, 'dumps');
  mark = join(world.directory, 'mark');
  writeFileSync(mark, '');
});
afterEach(() => world?.close());

async function runAgent(): Promise<TestAgent> {
  const exec = { long: { backup: ['/bin/sh', script, '{output}', mark], proof: { file: 'DONE' } } };
  const repositories = { dumps: { type: 'directory', path: repository } };
  return await world.runAgent({ config: world.agentFile('here', { repositories, exec }) });
}

async function plan(more: object = {}): Promise<void> {
  await world.plan('long', { engine: { type: 'exec', use: 'long' }, repository: 'dumps', onDrain: 'detach', ...more });
}

async function startedRun(): Promise<string> {
  const id = await world.start('long');
  await eventually('the output of the engine', () => existsSync(join(repository, 'long', id, 'part')));
  return id;
}

/** The shell that is the engine. */
function engine(): number | undefined {
  return world.workers().find(({ command }) => command[1] === script)?.pid;
}

test('Longhorn: an engine out of time is ended with all of it, told once by the deadline, and the next run completes', async () => {
  const agent = await runAgent();
  await plan({ deadlines: { run: '2s', cancelGrace: '1s' } });
  const record = await world.ending(await startedRun());
  expect(record).toMatchObject({
    state: 'timed-out',
    context: {
      reason: 'deadline-run',
      deadline: 'run',
      message: 'the deadline run of 2s passed',
      kept: [],
      slot: 'void',
    },
  });
  const told = agent.log.filter(
    ({ fact, id, state }) => fact === 'actor.transition' && id === record.id && state === 'timed-out',
  );
  expect(told).toHaveLength(1);
  expect(world.workers()).toEqual([]);
  expect(world.runDirectories()).toEqual([]);
  expect(existsSync(join(repository, 'long', record.id))).toBe(false);

  rmSync(mark);
  expect(await world.backUp('long')).toMatchObject({ state: 'completed' });
});

test('Velero: a transfer whose agent is restarted ten times completes once, by the same process', {
  timeout: 180_000,
}, async () => {
  let agent = await runAgent();
  await plan();
  const id = await startedRun();
  const pid = engine();
  for (let restart = 0; restart < 10; restart += 1) {
    // In turns a crash and a polite end.
    if (restart % 2 === 0) await agent.kill();
    else expect((await agent.terminate()).status).toBe(0);
    agent = await runAgent();
    await agent.told('engine.reattached', ({ found }) => found === 'alive');
    expect(engine()).toBe(pid);
  }
  rmSync(mark);
  expect(await world.ending(id)).toMatchObject({ state: 'completed', context: { attempt: 1, resumes: 0, kept: [] } });
  const history = await world.history(id);
  expect(holesIn(history)).toEqual([]);
  expect(statesOf(history).filter(state => state === 'completed')).toHaveLength(1);
  expect(statesOf(history).filter(state => state === 'detached')).toHaveLength(5);
  expect(await world.catalogued()).toEqual([id]);
  expect(world.workers()).toEqual([]);
  expect(world.runDirectories()).toEqual([]);
});

/** A run with one attempt, of which nothing lives: its agent was killed first, then its engine and its runner. */
async function killedRun(): Promise<string> {
  const agent = await runAgent();
  await plan({ retry: { attempts: 1 } });
  const id = await startedRun();
  await agent.kill();
  for (const { pid } of world.workers().reverse()) sendSignal(pid, 'SIGKILL');
  await eventually('all of it is gone', () => world.workers().length === 0);
  return id;
}

test('Velero: a run whose engine and runner are killed while its agent is down ends in a named state', async () => {
  const id = await killedRun();
  const next = await runAgent();
  await next.told('engine.reattached', ({ found }) => found === 'gone');
  expect(await world.ending(id)).toMatchObject({
    state: 'failed',
    context: { reason: 'engine-failed', message: expect.stringContaining('left no word'), slot: 'void', kept: [] },
  });
  expect(existsSync(join(repository, 'long', id))).toBe(false);
});

test('Velero: a run whose directory is gone, too, is begun again under its own name', async () => {
  const id = await killedRun();
  rmSync(join(world.data, 'runs', id), { recursive: true });
  rmSync(mark);
  await runAgent();
  expect(await world.ending(id)).toMatchObject({ state: 'completed', context: { attempt: 1, kept: [] } });
  expect(await world.catalogued()).toEqual([id]);
});
