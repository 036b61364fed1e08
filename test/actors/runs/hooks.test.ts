/** Hooks of a real agent around real backups: when they run, with what, and what becomes of a run whose hook fails. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { eventually } from '../../support/eventually.ts';
import { processesNaming } from '../../support/processes.ts';
import { type HistoryRecord, World } from '../../support/world.ts';

let world: World;
/** What the hooks wrote, a line each. */
let said: () => string[];

beforeEach(async () => {
  world = await World.open();
  world.fill(2, 20_000);
  const path = join(world.directory, 'said');
  said = () => (existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : []);
});
afterEach(() => world?.close());

/** A hook that says its name and the variables, and then does `body`. */
function hook(name: string, body = '', more: object = {}): [string, object] {
  const file = join(world.directory, `${name}.sh`);
  const words = '$REEVE_PLAN $REEVE_TASK $REEVE_RUN_ID $REEVE_STATE $REEVE_OUTCOME $REEVE_REASON';
  writeFileSync(file, `echo "${name} ${words}" >> ${join(world.directory, 'said')}\n${body}\n`);
  return [name, { run: ['/bin/sh', file], ...more }];
}

async function runAgent(hooks: [string, object][], env: Record<string, string> = {}) {
  const config = join(world.directory, 'agent.yaml');
  const document = { kind: 'Agent', name: 'here', data: world.data, hooks: Object.fromEntries(hooks) };
  writeFileSync(config, stringify(document));
  return await world.runAgent({ config, env });
}

const both = { hooks: { before: ['first', 'second'], finally: ['third', 'fourth'] } };
const messageOf = ({ context }: HistoryRecord) => String(context.message);
/** The words of a line without the id and the empty ones. */
const shape = (line: string) => line.trim().replace(/docs-\S+/, 'ID');

test('hooks run before and after in their order, with what they need to know, for backups alone', async () => {
  await runAgent(['first', 'second', 'third', 'fourth'].map(name => hook(name)));
  await world.plan('docs', both);
  const { id, state } = await world.backUp('docs');
  expect(state).toBe('completed');
  expect(said()[0]?.trim()).toBe(`first docs backup ${id}`);
  const after = 'docs backup ID completed completed';
  const whole = ['first docs backup ID', 'second docs backup ID', `third ${after}`, `fourth ${after}`];
  expect(said().map(shape)).toEqual(whole);
  await world.ending(String((await world.ask('verify.start', { plan: 'docs' })).id), 'verify');
  expect(said()).toHaveLength(4);
});

test('a hook before that fails fails the run for good, and every hook after runs all the same', async () => {
  const agent = await runAgent([
    hook('first'),
    hook('second', 'echo "the database is locked" >&2; exit 3'),
    hook('third', 'exit 1'),
    hook('fourth'),
  ]);
  await world.plan('docs', both);
  const record = await world.backUp('docs');
  expect(record).toMatchObject({ state: 'failed', reason: 'hook-failed', context: { attempt: 1, slot: 'none' } });
  expect(messageOf(record)).toBe('the hook second (before) ended with status 3: the database is locked');
  const after = 'docs backup ID failed failed hook-failed';
  expect(said().map(shape)).toEqual([
    'first docs backup ID',
    'second docs backup ID',
    `third ${after}`,
    `fourth ${after}`,
  ]);
  expect(record.context.kept).toEqual(['the hook third (finally) ended with status 1']);
  await agent.told('hook.failed', line => line.hook === 'second' && line.when === 'before');
  await agent.told('hook.failed', line => line.hook === 'third' && line.when === 'finally');
  expect(world.engines()).toEqual([]);
});

test('a hook whose failure is ignored is told, and the run goes on', async () => {
  const agent = await runAgent([
    hook('first', 'exit 7', { onError: 'ignore' }),
    ['second', { run: ['/no/such/hook'], onError: 'ignore' }],
    hook('third'),
    hook('fourth'),
  ]);
  await world.plan('docs', both);
  expect(await world.backUp('docs')).toMatchObject({ state: 'completed' });
  await agent.told('hook.failed', line => String(line.message).includes('first (before) ended with status 7'));
  await agent.told('hook.failed', line => String(line.message).includes('cannot start /no/such/hook'));
});

test('a hook that does not end is killed when its time is over, and so is what it started', async () => {
  const sleeper = 'sleep 1000 & exec sleep 1000';
  await runAgent([hook('first', sleeper, { timeout: '1s' }), hook('second'), hook('third'), hook('fourth')]);
  await world.plan('docs', both);
  const record = await world.backUp('docs');
  expect(record).toMatchObject({ state: 'failed', reason: 'hook-failed' });
  expect(messageOf(record)).toContain('the hook first (before): the deadline of the hook first (before) passed');
  expect(said().map(line => line.split(' ')[0])).toEqual(['first', 'third', 'fourth']);
  expect(hookProcesses(record.id)).toEqual([]);
});

test('the hooks together keep to the deadline hooks of the plan', async () => {
  await runAgent([hook('first', 'sleep 0.6'), hook('second', 'sleep 60'), hook('third'), hook('fourth')]);
  await world.plan('docs', { ...both, deadlines: { hooks: '1200ms' } });
  const record = await world.backUp('docs');
  expect(record).toMatchObject({ state: 'failed', reason: 'hook-failed' });
  expect(messageOf(record)).toContain('the hook second (before)');
  expect(said().map(line => line.split(' ')[0])).toEqual(['first', 'second', 'third', 'fourth']);
});

test('a cancel in a hook before kills it before anything after runs, and cancelled is said when none is left', async () => {
  await runAgent([
    hook('first', 'trap "" TERM; sleep 1000 & wait; sleep 1000'),
    hook('second'),
    hook('third'),
    hook('fourth'),
  ]);
  await world.plan('docs', both);
  const id = await world.start('docs');
  await eventually('the hook runs', () => said().length === 1);
  await world.ask('backup.cancel', { id });
  expect(await world.ending(id)).toMatchObject({ state: 'cancelled' });
  expect(hookProcesses(id)).toEqual([]);
  const after = 'docs backup ID cancelled cancelled user-cancelled';
  expect(said().map(shape)).toEqual(['first docs backup ID', `third ${after}`, `fourth ${after}`]);
});

test('a run that was cancelled before its turn runs no hook', async () => {
  await runAgent(
    ['first', 'second', 'third', 'fourth'].map(name => hook(name)),
    {
      REEVE_FAILPOINTS: 'frame.before-write=stop@1',
    },
  );
  await world.plan('docs', { ...both, deadlines: { cancelGrace: '0s' } });
  const [running, waiting] = [await world.start('docs'), await world.start('docs')];
  await world.stoppedEngine();
  await world.ask('backup.cancel', { id: waiting });
  expect(await world.ending(waiting)).toMatchObject({ state: 'cancelled' });
  expect(said().every(line => line.includes(running))).toBe(true);
  await world.ask('backup.cancel', { id: running });
  await world.ending(running);
  expect(said().map(line => line.split(' ')[0])).toEqual(['first', 'second', 'third', 'fourth']);
});

test('after a kill of the agent a hook before runs again, what it left is killed first, and those after run', async () => {
  const once = `[ -e $0.ran ] || { touch $0.ran; sleep 1000; }`;
  const hooks = [hook('first', once), hook('second'), hook('third'), hook('fourth')];
  const agent = await runAgent(hooks);
  await world.plan('docs', both);
  const id = await world.start('docs');
  await eventually('the hook runs', () => said().length === 1 && hookProcesses(id).length > 0);
  const [left] = hookProcesses(id);
  await agent.kill();
  await runAgent(hooks);
  expect(await world.ending(id)).toMatchObject({ state: 'completed' });
  expect(hookProcesses(id)).not.toContainEqual(left);
  expect(said().map(line => line.split(' ')[0])).toEqual(['first', 'first', 'second', 'third', 'fourth']);
});

test('a hook after that the agent dies in runs again, so it runs at least once', async () => {
  const once = '[ -e $0.ran ] || { touch $0.ran; sleep 1000; }';
  const hooks = [hook('first'), hook('second'), hook('third', once), hook('fourth')];
  const agent = await runAgent(hooks);
  await world.plan('docs', both);
  const id = await world.start('docs');
  await eventually('the hook runs', () => said().length === 3 && hookProcesses(id).length > 0);
  await agent.kill();
  await runAgent(hooks);
  expect(await world.ending(id)).toMatchObject({ state: 'completed', context: { kept: [] } });
  expect(said().map(line => line.split(' ')[0])).toEqual(['first', 'second', 'third', 'third', 'fourth']);
});

test('a SIGTERM in a hook that ignores it ends the agent in time, without a process, and the run goes on later', async () => {
  const once = '[ -e $0.ran ] || { touch $0.ran; trap "" TERM; sleep 1000 & wait; sleep 1000; }';
  const hooks = [hook('first', once), hook('second'), hook('third'), hook('fourth')];
  const agent = await runAgent(hooks);
  await world.plan('docs', both);
  const id = await world.start('docs');
  await eventually('the hook runs', () => said().length === 1 && hookProcesses(id).length > 0);
  const { status, tookMs } = await agent.terminate();
  expect(status).toBe(0);
  expect(tookMs).toBeLessThan(15_000);
  expect(hookProcesses(id)).toEqual([]);
  await runAgent(hooks);
  expect(await world.ending(id)).toMatchObject({ state: 'completed' });
  expect(said().map(line => line.split(' ')[0])).toEqual(['first', 'first', 'second', 'third', 'fourth']);
});

test('the deadline prepare bounds the hooks too', async () => {
  await runAgent([hook('first', 'sleep 1000'), hook('second'), hook('third'), hook('fourth')]);
  await world.plan('docs', { ...both, deadlines: { prepare: '1s', cancelGrace: '1s' } });
  const record = await world.backUp('docs');
  expect(record).toMatchObject({ state: 'timed-out', reason: 'deadline-prepare' });
  expect(hookProcesses(record.id)).toEqual([]);
  expect(said().map(line => line.split(' ')[0])).toEqual(['first', 'third', 'fourth']);
});

/** The processes that carry a run's token of hooks. */
function hookProcesses(id: string): number[] {
  return processesNaming(world.directory)
    .filter(({ pid }) => environmentOf(pid).some(variable => variable.startsWith(`REEVE_RUN=${id}/hook@`)))
    .map(({ pid }) => pid);
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return [];
  }
}
