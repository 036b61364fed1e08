/** `plan.check` on a real agent: every finding, on the agent where the plan belongs, within its bound. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { World } from '../../support/world.ts';

interface Found {
  name: string;
  ok: boolean;
  message: string;
  hint: string;
}

let world: World;
let hook: string;
beforeEach(async () => {
  world = await World.open();
  hook = join(world.directory, 'quiesce.sh');
  writeFileSync(hook, '#!/bin/sh\n');
  chmodSync(hook, 0o755);
  world.fill(1, 1_000);
});
afterEach(() => world?.close());

async function runAgent(more: object = {}) {
  const config = join(world.directory, 'agent.yaml');
  const hooks = { quiesce: { run: [hook] } };
  const repositories = { nas: { type: 'files', path: world.repository } };
  const document = { kind: 'Agent', name: 'here', data: world.data, hooks, repositories, ...more };
  writeFileSync(config, stringify(document));
  return await world.runAgent({ config });
}

async function check(name: string): Promise<Found[]> {
  return (await world.ask('plan.check', { name })).checks as Found[];
}

const plan = { repository: 'nas', hooks: { before: ['quiesce'] } };

test('a plan that could run is well in every check, and nothing is left of them', async () => {
  await runAgent();
  await world.plan('docs', plan);
  const checks = await check('docs');
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
  expect(checks.map(({ name }) => name)).toEqual(['names', 'hook quiesce', 'allowed', 'source', 'repository', 'space']);
  for (const { message } of checks) expect(message).not.toBe('');
  expect(world.runDirectories()).toEqual([]);
  expect((await world.ask('actor.list', { kind: 'backup' })).actors).toEqual([]);
});

test('what would fail in the night is found: source, mount, hook, room, and what is no longer defined or allowed', async () => {
  const agent = await runAgent();
  await world.plan('docs', plan);
  await world.plan('away', { ...plan, engine: { type: 'files', path: '/no/such/place', requireMount: true } });
  await world.plan('unmounted', { ...plan, engine: { type: 'files', path: world.source, requireMount: true } });
  const wrong = async (name: string) => (await check(name)).filter(({ ok }) => !ok);
  expect(await wrong('away')).toMatchObject([
    { name: 'source', message: '/no/such/place cannot be read: ENOENT', hint: expect.stringContaining('mount it') },
    { name: 'mount', message: expect.stringContaining('it is not there') },
  ]);
  expect(await wrong('unmounted')).toMatchObject([{ name: 'mount', message: expect.stringContaining('requireMount') }]);
  chmodSync(hook, 0o644);
  expect(await wrong('docs')).toMatchObject([
    { name: 'hook quiesce', message: expect.stringContaining('EACCES'), hint: 'install it, and make it executable' },
  ]);
  await agent.kill();
  const other = join(world.directory, 'other');
  mkdirSync(other);
  const repositories = { nas: { type: 'files', path: world.repository, minFree: '8000TiB' } };
  const later = await runAgent({ hooks: {}, repositories });
  expect(await wrong('docs')).toMatchObject([{ name: 'names', message: 'agent here has no hook quiesce' }]);
  await later.kill();
  chmodSync(hook, 0o755);
  await runAgent({ repositories, allow: { read: [other] } });
  expect(await wrong('docs')).toMatchObject([
    { name: 'allowed', message: expect.stringContaining(`does not allow ${world.source} for read`) },
    { name: 'space', hint: expect.stringContaining('minFree') },
  ]);
});

test('a plan that is not there is told by its nearest name, once', async () => {
  await runAgent();
  await world.plan('docs', plan);
  expect(await world.refusal('plan.check', { name: 'dosc' })).toMatchObject({
    code: 'not-found',
    hint: 'did you mean docs?',
  });
  expect(await world.refusal('plan.check', { name: 'docs', all: true })).toMatchObject({ code: 'invalid' });
});
