/** Runs of the kind `snapshot`: a restore point that a real VictoriaMetrics keeps, or nothing at all. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TestAgent } from '../../support/agent.ts';
import { runCommand } from '../../support/command-line.ts';
import { eventually } from '../../support/eventually.ts';
import type { HistoryRecord } from '../../support/world.ts';
import { statesOf } from '../../support/world.ts';
import { MetricsWorld, nothing } from './metrics-world.ts';
import { OddServer } from './odd-server.ts';
import { missingTools } from './victoria.ts';

interface Row {
  id: string;
  deletedAt: string | null;
}

describe.skipIf(missingTools().length > 0)('a snapshot run of VictoriaMetrics', () => {
  let metrics: MetricsWorld;
  let odd: OddServer;
  let agent: TestAgent;

  beforeAll(async () => {
    metrics = await MetricsWorld.open();
    agent = await metrics.runAgent();
    await metrics.victoria.ingest('one', 100);
    odd = await OddServer.start(metrics.victoria.port);
    await metrics.plan('metrics');
    await metrics.plan('odd', { url: odd.url });
    await metrics.plan('hasty', { url: odd.url }, { deadlines: { prepare: '1s' } });
    await metrics.plan('alone', { url: odd.url }, { ifRunning: 'refuse' });
    await metrics.plan('joins', { url: odd.url }, { ifRunning: 'join' });
  });
  afterAll(async () => {
    await odd?.stop();
    await metrics?.close();
  });
  beforeEach(() => {
    odd.manner = 'open';
    odd.onKept = async () => undefined;
  });
  afterEach(async () => {
    for (const name of await metrics.victoria.snapshots()) await metrics.victoria.deleteSnapshot(name);
  });

  const start = async (plan: string, more: object = {}): Promise<string> =>
    String((await metrics.world.ask('snapshot.start', { plan, ...more })).id);
  const ending = (id: string): Promise<HistoryRecord> => metrics.world.ending(id, 'snapshot');
  const cancel = (id: string) => metrics.world.ask('snapshot.cancel', { id });

  test('it is in the list of the server, the run names it, and nothing else is left', async () => {
    const id = await start('metrics', { note: 'before the update' });
    const record = await ending(id);
    const snapshots = await metrics.victoria.snapshots();
    expect(snapshots).toHaveLength(1);
    const [name] = snapshots;
    expect(record).toMatchObject({
      state: 'completed',
      context: {
        task: 'snapshot',
        slot: 'manifest',
        kept: [],
        reason: null,
        result: { position: name, manifest: name },
      },
    });
    expect(statesOf(await metrics.world.history(id, 'snapshot'))).toEqual([
      'pending',
      'preparing',
      'transferring',
      'verifying',
      'committing',
      'cleaning.removing',
      'completed',
    ]);
    expect(await metrics.left()).toEqual({ ...nothing, snapshots });
    expect(metrics.stored()).not.toContain(id);
  });

  test('the retention of its plan lets go what its rules do not keep, by the name of the run, and nothing of others', async () => {
    const foreign = await metrics.victoria.createSnapshot();
    await metrics.plan('kept', {}, { retention: { keepLast: 1 } });
    const older = await ending(await start('kept'));
    const newer = await ending(await start('kept'));
    const prune = await eventually('its prune', async () => {
      const { prunes } = (await metrics.world.ask('prune.list', { plan: 'kept' })) as unknown as { prunes: Row[] };
      return prunes[0]?.id;
    });
    expect(await metrics.world.ending(prune, 'prune')).toMatchObject({
      state: 'completed',
      context: { message: `removed 1 snapshot: ${older.id}` },
    });
    const { position } = newer.context.result as { position: string };
    expect((await metrics.victoria.snapshots()).sort()).toEqual([foreign, position].sort());
    const listed = (await metrics.world.ask('snapshot.list', { plan: 'kept' })) as unknown as { snapshots: Row[] };
    expect(listed.snapshots.map(row => [row.id, row.deletedAt !== null])).toEqual([
      [newer.id, false],
      [older.id, true],
    ]);
    expect(await metrics.world.ask('prune.start', { plan: 'kept', dryRun: true })).toMatchObject({
      keep: [{ id: newer.id, reasons: ['snapshot: newest one', 'snapshot: last 1'] }],
      remove: [],
    });
  });

  test('it is listed by its own kind alone, and no restore takes it for a backup', async () => {
    const id = await start('metrics');
    await ending(id);
    expect(await metrics.world.catalogued()).not.toContain(id);
    const { snapshots } = await metrics.world.ask('snapshot.list', { plan: 'metrics', state: 'completed' });
    expect(snapshots).toContainEqual({
      id,
      plan: 'metrics',
      state: 'completed',
      reason: null,
      at: expect.any(String),
      startedAt: expect.any(String),
      endedAt: expect.any(String),
      bytes: null,
      deletedAt: null,
    });
    expect(await metrics.world.refusal('restore.start', { backup: id, to: '/tmp/nowhere' })).toMatchObject({
      code: 'not-found',
      message: `there is no backup ${id}`,
      hint: expect.stringContaining('it is a snapshot'),
    });
  });

  test('a backup beside it sends only what is new since the last backup, and leaves it alone', async () => {
    expect(await metrics.world.backUp('metrics')).toMatchObject({ state: 'completed' });
    const kept = (await ending(await start('metrics'))).context.result as { position: string };
    expect(await metrics.world.backUp('metrics')).toMatchObject({ state: 'completed', context: { kept: [] } });
    expect(await metrics.victoria.snapshots()).toEqual([kept.position]);
  });

  test('a cancel while the server makes it leaves none, though its name never came', async () => {
    odd.manner = 'forgetful';
    const made = new Promise<string[]>(resolve => {
      odd.onKept = async () => resolve(await metrics.victoria.snapshots());
    });
    const id = await start('odd');
    expect(await made).toHaveLength(1);
    await cancel(id);
    expect(await ending(id)).toMatchObject({
      state: 'cancelled',
      context: { reason: 'user-cancelled', slot: 'none', kept: [] },
    });
    expect(await metrics.left()).toEqual(nothing);
  });

  test('one that the server makes only after the cancel is deleted as soon as its name comes', async () => {
    odd.manner = 'late';
    const id = await start('odd');
    await eventually('a request for a snapshot', () => odd.waiting === 1);
    await cancel(id);
    expect(await ending(id)).toMatchObject({ state: 'cancelled', context: { kept: [] } });
    const before = metrics.victoria.snapshots();
    expect(await before).toEqual([]);
    const asked = odd.deletions;
    odd.passOn();
    await eventually('a deletion', () => odd.deletions > asked);
    await eventually('none left', async () => (await metrics.victoria.snapshots()).length === 0);
    expect(await metrics.left()).toEqual(nothing);
  });

  test('one that cannot be deleted, for the server is away, is deleted by the sweeper once that is back', async () => {
    odd.manner = 'forgetful';
    const made = new Promise<void>(resolve => {
      odd.onKept = async () => resolve();
    });
    const id = await start('odd');
    await made;
    odd.manner = 'away';
    await cancel(id);
    const kept = [expect.stringContaining(`a snapshot, if it was made, of ${odd.url}`)];
    expect(await ending(id)).toMatchObject({ state: 'cancelled', context: { kept } });
    expect(await metrics.left()).toMatchObject({ snapshots: [expect.any(String)], directories: [id] });
    odd.manner = 'open';
    await agent.kill();
    agent = await metrics.runAgent();
    await agent.told('sweep.removed');
    expect(await metrics.left()).toEqual(nothing);
  });

  test('a server that never answers ends it at its deadline, and leaves none', async () => {
    odd.manner = 'forgetful';
    expect(await ending(await start('hasty'))).toMatchObject({
      state: 'timed-out',
      context: { reason: 'deadline-prepare', kept: [] },
    });
    expect(await metrics.left()).toEqual(nothing);
  });

  test('an agent that is killed while the server makes it leaves it to the next one, and one is kept', async () => {
    odd.manner = 'forgetful';
    const kept = new Promise<void>(resolve => {
      odd.onKept = async () => resolve();
    });
    const id = await start('odd');
    await kept;
    await agent.kill();
    odd.manner = 'open';
    agent = await metrics.runAgent();
    const { state, context } = await ending(id);
    expect(state).toBe('completed');
    expect(await metrics.victoria.snapshots()).toEqual([(context.result as { position: string }).position]);
  });

  test('it can be suspended and resumed', async () => {
    odd.manner = 'late';
    const id = await start('odd');
    await eventually('a request for a snapshot', () => odd.waiting === 1);
    await metrics.world.ask('snapshot.suspend', { id });
    await metrics.world.reached(id, ({ state }) => state === 'suspended', 'snapshot');
    odd.manner = 'open';
    odd.passOn();
    await eventually('none left', async () => (await metrics.victoria.snapshots()).length === 0);
    await metrics.world.ask('snapshot.resume', { id });
    expect(await ending(id)).toMatchObject({ state: 'completed', context: { resumes: 1, kept: [] } });
    expect(await metrics.victoria.snapshots()).toHaveLength(1);
  });

  test('a request that is repeated makes one, and one for a backup names no snapshot', async () => {
    const asked = { requestId: 'the same' };
    const id = await start('metrics', asked);
    await ending(id);
    expect(await start('metrics', asked)).toBe(id);
    expect(await metrics.victoria.snapshots()).toHaveLength(1);
    expect(await metrics.world.refusal('backup.start', { plan: 'metrics', ...asked })).toMatchObject({
      code: 'conflict',
    });
  });

  test('it never overlaps a backup of its plan: refused, joined or queued, as the plan says', async () => {
    odd.manner = 'late';
    const [alone, joins, queues] = await Promise.all(['alone', 'joins', 'odd'].map(plan => metrics.world.start(plan)));
    await eventually('three requests', () => odd.waiting === 3);
    expect(await metrics.world.refusal('snapshot.start', { plan: 'alone' })).toMatchObject({
      code: 'conflict',
      message: `backup ${alone} of plan alone is preparing`,
    });
    const [first, behind] = [await start('joins'), await start('odd')];
    expect(first).not.toBe(joins);
    expect(await start('joins')).toBe(first);
    const { queued } = await metrics.world.ask('queue.list');
    expect(queued).toContainEqual(
      expect.objectContaining({ id: behind, waitsFor: `backup ${queues} of the same plan` }),
    );
    odd.manner = 'open';
    odd.passOn();
    for (const id of [first, behind]) expect(await ending(id)).toMatchObject({ state: 'completed' });
    expect(await metrics.victoria.snapshots()).toHaveLength(2);
  });

  test('a plan that is paused makes none, and a dry run makes none either', async () => {
    expect(await metrics.world.ask('snapshot.start', { plan: 'metrics', dryRun: true })).toEqual({ ok: true });
    await metrics.world.ask('plan.pause', { name: 'metrics', note: 'it is moved' });
    expect(await metrics.world.refusal('snapshot.start', { plan: 'metrics' })).toMatchObject({ code: 'refused' });
    await metrics.world.ask('plan.resume', { name: 'metrics' });
    expect(await metrics.victoria.snapshots()).toEqual([]);
  });

  test('the command line makes one, says its name, and lists it', async () => {
    const { url } = metrics.world.server;
    const made = await runCommand(url, 'snapshot', 'metrics', '--wait');
    const [name] = await metrics.victoria.snapshots();
    expect(made).toMatchObject({ status: 0, stderr: expect.stringContaining(`kept by its source as ${name}`) });
    const id = made.stdout.trim();
    const listed = await runCommand(url, 'snapshots', 'metrics');
    expect(listed).toMatchObject({ status: 0, stdout: expect.stringMatching(new RegExp(`^${id} +metrics `, 'm')) });
    expect((await runCommand(url, 'show', id)).stdout).toContain(`"${name}"`);
  });
});
