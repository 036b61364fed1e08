/** What an agent's own file allows: nobody gets beyond it over NATS, also not by a link that leads elsewhere. */
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { describeTree } from '../../engines/files/trees.ts';
import { World } from '../../support/world.ts';

let world: World;
/** Beside what is allowed, with a secret in it. */
let outside: string;
let restore: string;

beforeEach(async () => {
  world = await World.open();
  world.fill(2, 1_000);
  outside = join(world.directory, 'outside');
  restore = join(world.directory, 'restore');
  for (const path of [outside, restore, world.repository]) mkdirSync(path);
  writeFileSync(join(outside, 'secret'), 'not yours');
  const config = join(world.directory, 'agent.yaml');
  const allow = {
    read: [world.source],
    repositories: [world.repository],
    restore: [restore],
    sources: ['10.1.2.?:8428'],
  };
  const repositories = {
    vm: { type: 'vmbackup', url: `fs://${world.repository}` },
    nas: { type: 'files', path: join(world.repository, 'nas') },
  };
  writeFileSync(config, stringify({ kind: 'Agent', name: 'here', data: world.data, allow, repositories }));
  await world.runAgent({ config });
});
afterEach(() => world?.close());

const readOf = (path: string) => ({ engine: { type: 'files', path } });
const into = (path: string) => ({ repository: { path } });

async function refusedPut(more: object): Promise<{ code: string; message: string; hint: string }> {
  const document = { name: 'wrong', ...readOf(world.source), repository: 'nas', ...more };
  const refused = await world.refusal('plan.put', document);
  expect((await world.refusal('plan.get', { name: 'wrong' })).code).toBe('not-found');
  return refused;
}

test('what lies in it works: read, repository by name and by path, restore', async () => {
  await world.plan('named', { repository: 'nas' });
  await world.plan('by-path', into(join(world.repository, 'other')));
  for (const plan of ['named', 'by-path']) {
    expect(await world.backUp(plan)).toMatchObject({ state: 'completed' });
    const to = join(restore, plan);
    const { id } = await world.ask('restore.start', { plan, to });
    expect(await world.ending(String(id), 'restore')).toMatchObject({ state: 'completed' });
    expect(describeTree(to)).toEqual(describeTree(world.source));
  }
});

test('a plan that reads or writes elsewhere is refused, with what is allowed', async () => {
  expect(await refusedPut(readOf(outside))).toMatchObject({
    code: 'refused',
    message: `agent here does not allow ${outside} for read: it allows ${world.source}`,
    hint: "add it to allow.read in the agent's file",
  });
  expect(await refusedPut(into(outside))).toMatchObject({
    code: 'refused',
    message: expect.stringContaining('for repositories'),
  });
  expect(await refusedPut(readOf(`${world.source}-beside`))).toMatchObject({ code: 'refused' });
  expect(await refusedPut(readOf(`${world.source}/../outside`))).toMatchObject({ code: 'invalid' });
  expect(await refusedPut({ repository: 'nsa' })).toMatchObject({ code: 'invalid', hint: 'did you mean nas?' });
});

test('a plan whose engine asks a server that is not allowed is refused: it could have credentials sent anywhere', async () => {
  const asks = (url: string) => ({
    engine: { type: 'victoriametrics', url, dataPath: world.source },
    repository: 'vm',
  });
  for (const url of ['http://10.1.2.3:8429', 'http://10.1.2.33:8428', 'http://vm.example:8428', 'https://10.1.2.3'])
    expect(await refusedPut(asks(url))).toMatchObject({
      code: 'refused',
      message: expect.stringContaining('for sources: it allows 10.1.2.?:8428'),
      hint: "add it to allow.sources in the agent's file",
    });
  await world.plan('metrics', asks('http://10.1.2.3:8428/prefix'));
});

test('a restore elsewhere is refused, and nothing is written', async () => {
  await world.plan('docs', { repository: 'nas' });
  await world.backUp('docs');
  for (const to of [join(outside, 'new'), `${restore}/../outside/new`, `${restore}-beside`]) {
    const { code } = await world.refusal('restore.start', { plan: 'docs', to });
    expect({ to, code }).toEqual({ to, code: to.includes('..') ? 'invalid' : 'refused' });
  }
  expect(readdirSync(outside)).toEqual(['secret']);
  expect((await world.ask('restore.list')).restores).toEqual([]);
});

test('a link that leads out of what is allowed is refused, for source, repository and restore', async () => {
  for (const directory of [world.source, world.repository, restore]) symlinkSync(outside, join(directory, 'out'));
  expect(await refusedPut(readOf(join(world.source, 'out')))).toMatchObject({ code: 'refused' });
  expect(await refusedPut(into(join(world.repository, 'out', 'new')))).toMatchObject({ code: 'refused' });
  await world.plan('docs', { repository: 'nas' });
  await world.backUp('docs');
  const to = join(restore, 'out', 'deep', 'new');
  expect(await world.refusal('restore.start', { plan: 'docs', to })).toMatchObject({
    code: 'refused',
    message: expect.stringContaining(`${to} for restore`),
  });
  expect(readdirSync(outside)).toEqual(['secret']);
});

test('a link that was put in the way since the plan was put fails the run, and reads nothing', async () => {
  const path = join(world.source, 'later');
  await world.plan('later', { ...readOf(path), repository: 'nas' });
  symlinkSync(outside, path);
  expect(await world.backUp('later')).toMatchObject({
    state: 'failed',
    context: { message: expect.stringContaining('does not allow'), result: { bytes: null } },
  });
});
