/** `snapshot.start` where there is nothing to make a snapshot with, or nothing that may be asked. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkAllowedPlaces } from '../../../src/actors/plans/places.ts';
import type { AgentConfig } from '../../../src/domain/agent-config.ts';
import type { RunContext } from '../../../src/domain/run.ts';
import { World } from '../../support/world.ts';
import { Wire } from '../wire.ts';

let world: World;
let wire: Wire;
beforeAll(async () => {
  world = await World.open();
  wire = await Wire.open(world.server.url);
  world.fill(1, 1_000);
  await world.runAgent();
  await world.plan('docs');
});
afterAll(async () => {
  await wire?.close();
  await world?.close();
});

test('an engine that makes no snapshots refuses, by its name, and no run is begun', async () => {
  for (const more of [{}, { dryRun: true }, { requestId: 'once' }])
    expect(await wire.command('snapshot.start', { plan: 'docs', ...more })).toMatchObject({
      number: '422',
      body: {
        ok: false,
        error: {
          code: 'refused',
          message: 'plan docs has the engine files, which makes no snapshots',
          hint: 'make a backup with: reeve backup docs',
        },
      },
    });
  expect(await world.ask('snapshot.list')).toEqual({ ok: true, snapshots: [] });
});

test('no such plan, an unknown field and no such run are told as of every kind', async () => {
  expect(await world.refusal('snapshot.start', { plan: 'dcos' })).toMatchObject({
    code: 'not-found',
    hint: 'did you mean docs?',
  });
  expect(await world.refusal('snapshot.start', { plan: 'docs', rescan: true })).toMatchObject({ code: 'invalid' });
  for (const verb of ['cancel', 'suspend', 'resume', 'get'])
    expect(await world.refusal(`snapshot.${verb}`, { id: 'docs-1' })).toMatchObject({ code: 'not-found' });
});

test('a backup is no snapshot: none of its commands takes it', async () => {
  const { id } = await world.backUp('docs');
  expect(await world.refusal('snapshot.get', { id })).toMatchObject({ code: 'not-found' });
  expect(await world.ask('snapshot.list')).toEqual({ ok: true, snapshots: [] });
});

test('a server that the agent does not allow is not asked for a snapshot either, nor is a directory read', async () => {
  const dataPath = '/var/lib/victoria-metrics';
  const engine = { type: 'victoriametrics', url: 'http://10.0.0.1:8428', dataPath };
  const document = { name: 'm', engine, repository: 'vm' };
  const check = async (allow: object) => {
    const repositories = { vm: { type: 'vmbackup', url: 'fs:///backup', minFreeBytes: 0, runsMax: null } };
    const config = {
      name: 'here',
      repositories,
      allow: { read: [], repositories: [], restore: [], sources: [], ...allow },
    };
    const run = { task: 'snapshot', restore: null, document };
    await checkAllowedPlaces(run as unknown as RunContext, config as unknown as AgentConfig);
  };
  await check({ read: ['/'], sources: ['10.0.0.1:8428'] });
  await expect(check({ read: ['/'] })).rejects.toMatchObject({ message: expect.stringContaining('10.0.0.1:8428') });
  await expect(check({ sources: ['*'] })).rejects.toMatchObject({ message: expect.stringContaining(dataPath) });
});
