/** Commands of the agent's own file, run by a real agent. */
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { statesOf, World } from '../../support/world.ts';

const script = (name: string) => fileURLToPath(new URL(`../../support/engines/${name}.sh`, import.meta.url));
const command = (name: string, more: object = {}) => ({
  backup: ['/bin/sh', script(name), '{output}'],
  proof: { file: 'DONE' },
  ...more,
});

/** Ends well, or would if it were let. */
const good = {
  dump: {
    backup: ['/bin/sh', script('dump'), '{output}', '{word}'],
    restore: ['/bin/sh', script('load'), '{input}', '{to}'],
    params: { word: '[a-z-]+' },
    progress: 'json-lines',
    proof: { file: 'DONE' },
  },
  once: command('dump'),
  waits: command('waits', { stop: { signal: 'INT', grace: '5s' } }),
  resumes: command('resumes', { resumable: true }),
  gone: { backup: ['/no/such/command', '{output}'] },
  'no-proof': command('no-proof'),
  'leaves-child': command('leaves-child'),
};

const hostile = ['ignores-term', 'grandchildren', 'stops-itself', 'torrent', 'closes-outputs'];

let world: World;
let repository: string;
beforeEach(async () => {
  world = await World.open();
  repository = join(world.directory, 'dumps');
  await runAgent({ ...good, ...Object.fromEntries(hostile.map(name => [name, command(name)])) });
});
afterEach(() => world?.close());

async function runAgent(exec: object) {
  const repositories = { dumps: { type: 'directory', path: repository } };
  return await world.runAgent({ config: world.agentFile('here', { limits: { runs: 16 }, repositories, exec }) });
}

async function plan(name: string, params?: object, more: object = {}) {
  const engine = { type: 'exec', use: name, ...(params && { params }) };
  return await world.ask('plan.put', { name, engine, repository: 'dumps', retry: { attempts: 1 }, ...more });
}

const filesOf = (name: string) => (existsSync(join(repository, name)) ? readdirSync(join(repository, name)) : []);
const started = (id: string, name: string) =>
  eventually(`the output of ${name}`, () => existsSync(join(repository, name, id, 'part')));

test('a backup is one directory with its listing and its slot, restores the same and is verified', async () => {
  await plan('dump', { word: 'hello' });
  const backup = await world.backUp('dump');
  expect(backup).toMatchObject({
    state: 'completed',
    context: { result: { files: 4, bytes: 18, manifest: backup.id }, kept: [] },
  });
  expect(filesOf('dump').sort()).toEqual([backup.id, `${backup.id}.files`, `${backup.id}.slot`]);
  expect(JSON.parse(readFileSync(join(repository, 'dump', `${backup.id}.slot`), 'utf8'))).toMatchObject({
    slot: 'manifest',
    run: backup.id,
  });
  expect(lstatSync(join(repository, 'dump', backup.id)).mode & 0o777).toBe(0o700);
  expect(await world.catalogued()).toEqual([backup.id]);

  const to = join(world.directory, 'restored');
  const restore = await world.ending(String((await world.ask('restore.start', { plan: 'dump', to })).id), 'restore');
  expect(restore).toMatchObject({ state: 'completed', context: { result: { files: 4, bytes: 18 } } });
  expect(readFileSync(join(to, 'below', 'three'), 'utf8')).toBe('hello\n');
  expect(readlinkSync(join(to, 'link'))).toBe('one');
  const again = await world.ending(String((await world.ask('restore.start', { plan: 'dump', to })).id), 'restore');
  expect(again).toMatchObject({ state: 'failed', context: { message: expect.stringContaining('is not empty') } });

  const verify = async () =>
    await world.ending(String((await world.ask('verify.start', { plan: 'dump' })).id), 'verify');
  const drill = async () => await world.ending(String((await world.ask('drill.start', { plan: 'dump' })).id), 'drill');
  expect(await verify()).toMatchObject({ state: 'completed', context: { result: { files: 4, bytes: 18 } } });
  expect(await drill()).toMatchObject({ state: 'completed', context: { kept: [], result: { files: 4, bytes: 18 } } });
  writeFileSync(join(repository, 'dump', backup.id, 'two'), 'hallo\n');
  rmSync(join(repository, 'dump', backup.id, 'below', 'three'));
  expect(await verify()).toMatchObject({
    state: 'failed',
    context: { reason: 'data-corrupt', message: expect.stringMatching(/2 places: .*two is not as it was backed up/) },
  });
  expect(await drill()).toMatchObject({
    state: 'failed',
    context: { reason: 'data-corrupt', message: expect.stringContaining('two is not as it was'), kept: [] },
  });
  expect(readdirSync(join(world.data, 'scratch'))).toEqual([]);
});

test('what the agent file does not allow is refused when the plan is put', async () => {
  const put = (engine: object) => world.refusal('plan.put', { name: 'bad', engine, repository: 'dumps' });
  const wrong = async (engine: object) => {
    const { code, message } = await put({ type: 'exec', ...engine });
    return `${code}: ${message}`;
  };
  expect(await wrong({ use: 'dunp' })).toContain('agent here has no exec dunp');
  expect(await wrong({ use: 'constructor' })).toContain('invalid');
  expect(await wrong({ use: 'dump' })).toContain('the parameter word is missing');
  expect(await wrong({ use: 'dump', params: { word: 'hello', other: 'x' } })).toContain('no parameter other');
  expect(await wrong({ use: 'dump', params: { word: 'hello; rm' } })).toContain('does not match');
  expect(await wrong({ use: 'dump', params: { word: '-rf' } })).toContain('begins with a dash');
  const suspends = { name: 'bad', engine: { type: 'exec', use: 'once' }, repository: 'dumps', onDrain: 'suspend' };
  expect(await world.refusal('plan.put', suspends)).toMatchObject({
    code: 'invalid',
    hint: expect.stringContaining('finish'),
  });
  await plan('resumes', undefined, { onDrain: 'suspend' });
});

test('a plan whose values the changed file no longer takes fails its run, and nothing is started', async () => {
  await plan('dump', { word: 'hello' });
  await world.stopAgents();
  await runAgent({ dump: { ...good.dump, params: { word: '[0-9]+' } } });
  expect(await world.backUp('dump')).toMatchObject({
    state: 'failed',
    context: { reason: 'engine-failed', message: expect.stringContaining('does not match') },
  });
  expect(filesOf('dump').filter(name => !name.endsWith('.slot'))).toEqual([]);
});

test('a cancelled or killed command leaves neither process nor output, and cannot be committed any more', async () => {
  await plan('waits');
  const id = await world.start('waits');
  await started(id, 'waits');
  await world.ask('backup.cancel', { id });
  expect(await world.ending(id)).toMatchObject({ state: 'cancelled', context: { kept: [] } });
  expect(world.workers()).toEqual([]);
  expect(filesOf('waits')).toEqual([`${id}.slot`]);
  expect(world.runDirectories()).toEqual([]);

  const other = await world.start('waits');
  await started(other, 'waits');
  // Its runner names it, too.
  const shell = world.workers().find(({ command }) => command[1] === script('waits'));
  process.kill(shell?.pid ?? 0, 'SIGKILL');
  expect(await world.ending(other)).toMatchObject({
    state: 'failed',
    context: { reason: 'engine-failed', message: expect.stringContaining('SIGKILL'), kept: [] },
  });
  expect(world.workers()).toEqual([]);
  expect(filesOf('waits').sort()).toEqual([`${id}.slot`, `${other}.slot`].sort());
  expect(await world.catalogued()).toEqual([]);
});

test('a command that can resume goes on in the same output, and one that is not there is told', async () => {
  await plan('resumes');
  const id = await world.start('resumes');
  await started(id, 'resumes');
  await world.ask('backup.suspend', { id });
  await world.reached(id, ({ state }) => state === 'suspended');
  expect(world.workers()).toEqual([]);
  await world.ask('backup.resume', { id });
  expect(await world.ending(id)).toMatchObject({ state: 'completed', context: { result: { files: 2 } } });
  await plan('gone');
  expect(await world.backUp('gone')).toMatchObject({ state: 'failed', context: { reason: 'engine-missing' } });
});

test('without its proof nothing is committed; what a command leaves running is ended', async () => {
  await plan('no-proof');
  const unproven = await world.backUp('no-proof');
  expect(unproven).toMatchObject({ state: 'failed', context: { reason: 'proof-missing', kept: [] } });
  expect(filesOf('no-proof')).toEqual([`${unproven.id}.slot`]);
  await plan('leaves-child');
  expect(await world.backUp('leaves-child')).toMatchObject({ state: 'completed' });
  expect(world.workers()).toEqual([]);
});

test('hostile commands are ended by a cancel and by a deadline, and no process of them is left', async () => {
  const put = async (name: string, use: string, deadlines: object) =>
    await plan(name, undefined, { engine: { type: 'exec', use }, deadlines: { cancelGrace: '1s', ...deadlines } });
  const cancelled = hostile.map(async use => {
    await put(use, use, {});
    const id = await world.start(use);
    await started(id, use);
    await world.ask('backup.cancel', { id });
    return await world.ending(id);
  });
  const late = hostile.map(async use => {
    await put(`${use}-late`, use, { run: '2s' });
    return await world.backUp(`${use}-late`);
  });
  const [ends, lateEnds] = [await Promise.all(cancelled), await Promise.all(late)];
  expect(ends.map(({ state, context }) => [state, context.kept])).toEqual(hostile.map(() => ['cancelled', []]));
  expect(lateEnds.map(({ state, context }) => [state, context.reason, context.kept])).toEqual(
    hostile.map(() => ['timed-out', 'deadline-run', []]),
  );
  expect(world.workers()).toEqual([]);
  for (const { id, context } of [...ends, ...lateEnds]) expect(filesOf(String(context.plan))).toEqual([`${id}.slot`]);
  expect(statesOf(await world.history(lateEnds[0]?.id ?? ''))).toContain('timing-out');
});
