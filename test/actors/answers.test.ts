/** What commands answer, field by field, to a bare NATS client. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeTree } from '../engines/files/trees.ts';
import { World } from '../support/world.ts';
import { Wire } from './wire.ts';

let world: World;
let wire: Wire;
let backup: string;

beforeAll(async () => {
  world = await World.open();
  wire = await Wire.open(world.server.url);
  world.fill(3, 50_000);
  await world.runAgent();
  await world.plan('docs', { labels: { tier: 'a' } });
  backup = await world.start('docs', { note: 'the first' });
  await world.ending(backup);
});
afterAll(async () => {
  await wire?.close();
  await world?.close();
});

const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const runId = expect.stringMatching(/^docs-\d{8}T\d{6}Z-[0-9a-f]{6}$/);
const recordKeys = [
  'after',
  'at',
  'canTake',
  'context',
  'deadlines',
  'event',
  'final',
  'from',
  'handTo',
  'id',
  'kind',
  'machine',
  'mail',
  'note',
  'owner',
  'reason',
  'requests',
  'since',
  'state',
  'write',
];

async function ask(name: string, input: object = {}) {
  const { body, number } = await wire.command(name, input);
  expect({ name, number, error: body.error }).toEqual({ name, number: undefined, error: undefined });
  const { ok, ...fields } = body;
  expect(ok).toBe(true);
  return fields;
}

async function ended(kind: string, id: unknown): Promise<Record<string, unknown>> {
  return (await world.ending(String(id), kind)) as unknown as Record<string, unknown>;
}

describe('plans', () => {
  const document = () => ({ name: 'docs', engine: { type: 'files', path: world.source } });

  test('plan.get answers the document and its revision, as plan.list does for each', async () => {
    const plan = {
      ...document(),
      onDrain: 'suspend',
      repository: { path: world.repository },
      labels: { tier: 'a' },
      revision: 1,
    };
    expect(await ask('plan.get', { name: 'docs' })).toEqual(plan);
    expect(await ask('plan.list', { labels: { tier: 'a' } })).toEqual({ plans: [plan] });
    expect(await ask('plan.list', { labels: { tier: 'b' } })).toEqual({ plans: [] });
    expect(await ask('plan.list', { limit: 1 })).toEqual({ plans: [plan] });
  });

  test('plan.put answers name, revision and warnings; a dry run stores nothing', async () => {
    const put = {
      name: 'warned',
      engine: { type: 'files', path: join(world.directory, 'nowhere') },
      repository: { path: world.repository },
      deadlines: { cancelGrace: '1m' },
    };
    const warnings = [
      expect.stringContaining('nowhere is not there now'),
      expect.stringContaining('cancelGrace 1m is longer'),
    ];
    expect(await ask('plan.put', { ...put, dryRun: true })).toEqual({ name: 'warned', revision: 0, warnings });
    expect((await wire.command('plan.get', { name: 'warned' })).number).toBe('404');
    expect(await ask('plan.put', put)).toEqual({ name: 'warned', revision: 1, warnings });
    expect(await ask('plan.put', { ...put, tolerate: { unreadable: 3 } })).toMatchObject({ revision: 2 });
    expect(await ask('plan.put', { ...document(), name: 'here', repository: { path: world.repository } })).toEqual({
      name: 'here',
      revision: 1,
      warnings: [expect.stringContaining('is on the same disk as')],
    });
    expect(await ask('plan.delete', { name: 'warned' })).toEqual({});
    expect(await ask('plan.delete', { name: 'here' })).toEqual({});
  });

  test('a repeat of plan.put and of plan.delete gets the first answer, and does nothing to what came since', async () => {
    const first = { ...document(), name: 'again', repository: { path: world.repository }, requestId: 'put-1' };
    expect(await ask('plan.put', first)).toMatchObject({ revision: 1 });
    const second = { ...first, tolerate: { unreadable: 1 }, requestId: 'put-2' };
    expect(await ask('plan.put', second)).toMatchObject({ revision: 2 });
    expect(await ask('plan.put', first)).toMatchObject({ revision: 1 });
    expect(await ask('plan.get', { name: 'again' })).toMatchObject({ revision: 2, tolerate: { unreadable: 1 } });
    expect(await ask('plan.delete', { name: 'again', requestId: 'delete-1' })).toEqual({});
    expect(await ask('plan.put', { ...second, requestId: 'put-3' })).toMatchObject({ revision: 4 });
    expect(await ask('plan.delete', { name: 'again', requestId: 'delete-1' })).toEqual({});
    expect(await ask('plan.get', { name: 'again' })).toMatchObject({ revision: 4 });
    expect(await ask('plan.delete', { name: 'again' })).toEqual({});
  });

  test('plan.delete refuses while backups hang on it, and lists them; keepBackups leaves them', async () => {
    await world.plan('kept');
    const ids = [(await world.backUp('kept')).id, (await world.backUp('kept')).id];
    const { body, number } = await wire.command('plan.delete', { name: 'kept' });
    expect(number).toBe('409');
    expect(body.error).toMatchObject({ code: 'conflict', hint: expect.stringContaining('keepBackups') });
    for (const id of ids) expect(body.error?.message).toContain(id);
    expect(await ask('plan.delete', { name: 'kept', keepBackups: true })).toEqual({});
    const { backups } = await ask('catalog.list', { plan: 'kept' });
    expect((backups as { id: string }[]).map(({ id }) => id)).toEqual(ids.reverse());
    const to = join(world.directory, 'of-a-deleted-plan');
    const { id } = await ask('restore.start', { plan: 'kept', to });
    expect(await ended('restore', id)).toMatchObject({ state: 'completed' });
    expect(describeTree(to)).toEqual(describeTree(world.source));
  });
});

describe('runs', () => {
  test('backup.get answers the record, field by field', async () => {
    const { actor } = (await ask('backup.get', { id: backup })) as { actor: Record<string, unknown> };
    expect(Object.keys(actor).sort()).toEqual(recordKeys);
    expect(actor).toMatchObject({
      kind: 'backup',
      id: runId,
      machine: { id: 'backup', version: 1 },
      state: 'completed',
      from: 'cleaning.removing',
      event: 'xstate.done.actor.cleanUp',
      reason: null,
      note: null,
      at: time,
      since: time,
      final: true,
      deadlines: {},
      owner: { agent: 'here', host: expect.any(String), incarnation: expect.any(String), epoch: expect.any(Number) },
      handTo: null,
      mail: { seq: expect.any(Number), at: expect.any(String) },
      requests: [],
      after: expect.any(Number),
      write: { incarnation: expect.any(String), n: expect.any(Number) },
      canTake: [],
    });
    expect(actor.context).toMatchObject({
      plan: 'docs',
      planRevision: 1,
      task: 'backup',
      attempt: 1,
      agent: 'here',
      startedAt: time,
      endedAt: time,
      progress: expect.any(Object),
      result: { bytes: 150_000, files: 3, position: null },
      skipped: { count: 0, first: [], path: null },
    });
    expect(await ask('actor.get', { kind: 'backup', id: backup })).toEqual({ actor });
  });

  test('backup.list, restore.list and verify.list answer rows under their own names', async () => {
    const to = join(world.directory, 'listed');
    const restore = (await ask('restore.start', { backup, to })).id;
    const verify = (await ask('verify.start', { plan: 'docs' })).id;
    await ended('restore', restore);
    await ended('verify', verify);
    const row = { plan: 'docs', state: 'completed', reason: null, at: time, startedAt: time, endedAt: time };
    const whole = { ...row, bytes: 150_000, deletedAt: null };
    const answers = { backups: backup, restores: restore, verifies: verify };
    for (const [key, id] of Object.entries(answers)) {
      const kind = key === 'verifies' ? 'verify' : key.slice(0, -1);
      const listed = await ask(`${kind}.list`, { plan: 'docs', state: 'completed', limit: 1 });
      expect(listed).toEqual({ [key]: [{ id, ...whole }] });
      expect(await ask(`${kind}.list`, { state: 'failed' })).toEqual({ [key]: [] });
    }
  });

  test('catalog.list answers restore points, and when one was verified', async () => {
    await ended('verify', (await ask('verify.start', { backup })).id);
    expect(await ask('catalog.list', { plan: 'docs' })).toEqual({
      backups: [
        {
          id: backup,
          plan: 'docs',
          outcome: 'completed',
          completedAt: time,
          bytes: 150_000,
          repository: world.repository,
          position: null,
          locked: false,
          deleting: false,
          verifiedAt: time,
          lastVerifiedRestore: null,
          window: null,
        },
      ],
    });
  });

  test('a dry run of backup.start starts nothing, one of restore.start answers what it would restore', async () => {
    const before = await ask('backup.list');
    expect(await ask('backup.start', { plan: 'docs', dryRun: true })).toEqual({});
    expect(await ask('backup.list')).toEqual(before);
    const to = join(world.directory, 'never');
    expect(await ask('restore.start', { plan: 'docs', at: 'latest', to, dryRun: true })).toEqual({
      base: backup,
      logs: [],
      reachableEnd: time,
      bytes: 150_000,
    });
  });

  test('restore.start repeated starts one restore, and a requestId of another kind of run is a conflict', async () => {
    const to = join(world.directory, 'repeated');
    const input = { plan: 'docs', to, requestId: 'restore it' };
    const first = await ask('restore.start', input);
    expect(first.id).toMatch(/^docs-[0-9a-f]{16}$/);
    expect(await ask('restore.start', input)).toEqual(first);
    expect(await ended('restore', first.id)).toMatchObject({ state: 'completed' });
    expect(await ask('restore.start', input)).toEqual(first);
    expect(await wire.command('backup.start', { plan: 'docs', requestId: 'restore it' })).toMatchObject({
      number: '409',
      body: { error: { code: 'conflict', message: expect.stringContaining(`restore ${first.id}`) } },
    });
  });

  test('restore.start takes globs, and a client of ours gets the same answers', async () => {
    const to = join(world.directory, 'some');
    const { id } = await world.ask('restore.start', { backup, to, include: ['fill-1'] });
    expect(await ended('restore', id)).toMatchObject({ state: 'completed' });
    expect([...describeTree(to).keys()]).toEqual(['', 'fill-1']);
  });
});

describe('actors', () => {
  test('actor.list answers records without context, page by page, by any of its filters', async () => {
    const all = (await ask('actor.list')).actors as Record<string, unknown>[];
    expect(all.length).toBeGreaterThan(1);
    for (const each of all) expect(Object.keys(each).sort()).toEqual(recordKeys.filter(key => key !== 'context'));
    const paged: unknown[] = [];
    let cursor: unknown;
    do {
      const page = await ask('actor.list', { limit: 2, ...(cursor !== undefined && { cursor }) });
      paged.push(...(page.actors as unknown[]));
      cursor = page.cursor ?? undefined;
    } while (cursor !== undefined);
    expect(paged).toEqual(all);
    const found = await ask('actor.list', { kind: 'backup', state: 'completed', plan: 'docs', agent: 'here' });
    expect(found).toMatchObject({ actors: [{ id: backup }], cursor: null });
    expect(await ask('actor.list', { reason: 'user-cancelled' })).toEqual({ actors: [], cursor: null });
  });

  test('actor.history answers records, newest first, page by page', async () => {
    const { records } = (await ask('actor.history', { kind: 'backup', id: backup })) as {
      records: { state: string; revision: number; after: number; note: string | null }[];
    };
    expect(records.map(({ state }) => state)).toEqual([
      'completed',
      'cleaning.removing',
      'committing',
      'verifying',
      'transferring',
      'preparing',
      'pending',
    ]);
    expect(records.at(-1)).toMatchObject({ note: 'the first', after: 0 });
    const before = records[1]?.revision;
    const page = await ask('actor.history', { kind: 'backup', id: backup, limit: 2, before });
    expect(page).toEqual({ records: records.slice(2, 4) });
  });

  test('actor.explain says why, since when, until when, and what it can take', async () => {
    expect(await ask('actor.explain', { kind: 'agent', id: 'here' })).toMatchObject({
      state: 'running',
      why: expect.stringContaining('It takes work'),
      waitsFor: expect.any(String),
      until: null,
      canTake: ['agent.drain', 'agent.shutdown'],
    });
    const about = (type: string) => ({ kind: 'agent', id: 'here', command: { type } });
    expect(await ask('actor.explain', about('agent.drain'))).not.toHaveProperty('refused');
    expect(await ask('actor.explain', about('agent.undrain'))).toMatchObject({
      refused: { command: 'agent.undrain', guards: [] },
    });
    expect(await world.refusal('actor.explain', about('agent.drian'))).toMatchObject({
      code: 'invalid',
      message: '"agent.drian" is not a command of kind agent',
      hint: 'did you mean agent.drain?',
    });
  });

  test('actor.logs answers text', async () => {
    expect(await ask('actor.logs', { kind: 'backup', id: backup, tailBytes: 100 })).toEqual({
      text: expect.any(String),
    });
  });
});

describe('agents and machines', () => {
  test('agent.list answers each agent, field by field', async () => {
    expect(await ask('agent.list')).toEqual({
      agents: [
        {
          name: 'here',
          mode: 'running',
          labels: {},
          host: expect.any(String),
          version: expect.stringMatching(/^\d+\.\d+\.\d+/),
          since: time,
          lastSeen: time,
          actors: expect.any(Number),
          nats: 'connected',
        },
      ],
    });
  });

  test('machine.list and machine.get answer the charts with their descriptions and version', async () => {
    const { machines } = (await ask('machine.list')) as { machines: { kind: string }[] };
    expect(machines.map(({ kind }) => kind).sort()).toEqual([
      'agent',
      'backup',
      'drill',
      'prune',
      'restore',
      'schedule',
      'snapshot',
      'verify',
    ]);
    const { machine, version } = (await ask('machine.get', { kind: 'backup' })) as {
      machine: { id: string; states: Record<string, { description: string }> };
      version: number;
    };
    expect({ id: machine.id, version }).toEqual({ id: 'backup', version: 1 });
    for (const state of Object.values(machine.states)) expect(state.description).toMatch(/\.$/);
  });

  test('the services API lists every command with its subject', async () => {
    const message = await wire.connection.request('$SRV.INFO.reeve', '', { timeout: 2_000 });
    const { endpoints } = message.json<{ endpoints: { subject: string }[] }>();
    const subjects = endpoints.map(({ subject }) => subject);
    for (const noun of ['backup', 'restore', 'verify', 'drill', 'prune', 'snapshot'])
      for (const verb of ['start', 'cancel', 'suspend', 'resume', 'get', 'list'])
        expect(subjects).toContain(`reeve.cmd.${noun}.${verb}`);
    for (const name of [
      'plan.put plan.get plan.list plan.delete catalog.list backup.lock backup.unlock backup.delete agent.list agent.drain agent.undrain agent.shutdown',
      'actor.list actor.get actor.history actor.explain actor.send actor.logs machine.list machine.get',
    ].flatMap(names => names.split(' ')))
      expect(subjects).toContain(`reeve.cmd.${name}`);
  });
});
