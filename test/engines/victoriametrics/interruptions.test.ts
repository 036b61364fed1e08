/** A backup of VictoriaMetrics that is interrupted, by whomever: no snapshot and no half of a backup is left of it. */
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestAgent } from '../../support/agent.ts';
import { eventually } from '../../support/eventually.ts';
import { MetricsWorld, nothing } from './metrics-world.ts';
import { missingTools } from './victoria.ts';

describe.skipIf(missingTools().length > 0)('an interrupted backup of VictoriaMetrics', () => {
  let metrics: MetricsWorld;
  let agent: TestAgent;
  let whole: string;

  beforeAll(async () => {
    metrics = await MetricsWorld.open();
    agent = await metrics.runAgent();
    await metrics.victoria.ingest('one', 4_000);
    await metrics.plan('metrics');
    const backup = await metrics.world.backUp('metrics');
    expect(backup).toMatchObject({ state: 'completed' });
    whole = backup.id;
    await metrics.plan('slow', slow, { onDrain: 'suspend' });
    await metrics.plan('cancels', slow, { onDrain: 'cancel' });
    await metrics.plan('again', slow, { retry: { attempts: 2, backoff: '10ms..10ms' } });
  });
  afterAll(() => metrics?.close());

  /** So that a backup lasts a few seconds. */
  const slow = { bytesPerSecond: '600KiB', concurrency: 1 };

  async function expectNothingLeft(id: string): Promise<void> {
    expect(await metrics.left()).toEqual(nothing);
    expect(metrics.stored()).not.toContain(id);
    expect(await metrics.world.catalogued()).not.toContain(id);
    expect(await metrics.restore(whole)).toMatchObject({ state: 'completed' });
  }

  test('a cancel leaves no process, no snapshot and no destination, and the backup before still restores', async () => {
    const id = await metrics.movingBackup('slow');
    expect(await metrics.victoria.snapshots()).toHaveLength(1);
    const since = performance.now();
    await metrics.world.ask('backup.cancel', { id });
    expect(await metrics.world.ending(id)).toMatchObject({ state: 'cancelled', context: { kept: [] } });
    expect(performance.now() - since).toBeLessThan(5_000);
    await expectNothingLeft(id);
  });

  test('a vmbackup that is killed is started again, and goes on with the same snapshot', async () => {
    const id = await metrics.movingBackup('again');
    const snapshots = await metrics.victoria.snapshots();
    for (const pid of metrics.copying()) process.kill(pid, 'SIGKILL');
    const record = await metrics.world.ending(id);
    expect(record).toMatchObject({ state: 'completed', context: { attempt: 2, result: { position: snapshots[0] } } });
    expect(await metrics.left()).toEqual(nothing);
  });

  test('one that is killed in its last attempt fails, and nothing is left', async () => {
    const id = await metrics.movingBackup('slow');
    for (const pid of metrics.copying()) process.kill(pid, 'SIGKILL');
    expect(await metrics.world.ending(id)).toMatchObject({
      state: 'failed',
      context: { reason: 'engine-failed', message: expect.stringContaining('SIGKILL'), kept: [] },
    });
    await expectNothingLeft(id);
  });

  test('one whose repository goes away in the middle fails, and so does the next, until it is back', async () => {
    const id = await metrics.movingBackup('slow');
    const { repository } = metrics.world;
    renameSync(repository, `${repository}-away`);
    expect(await metrics.world.ending(id)).toMatchObject({ state: 'failed' });
    const next = await metrics.world.backUp('slow');
    expect(next).toMatchObject({ state: 'failed', context: { reason: 'repository-unreachable' } });
    expect(await metrics.world.catalogued()).not.toContain(id);
    expect(metrics.stored()).toEqual([]);
    rmSync(repository, { recursive: true, force: true });
    renameSync(`${repository}-away`, repository);
    rmSync(join(repository, id), { recursive: true, force: true });
    expect(await metrics.world.backUp('metrics')).toMatchObject({ state: 'completed' });
    expect(await metrics.left()).toEqual(nothing);
  });

  test('a snapshot that cannot be deleted is told as kept, with the reason, and the sweeper deletes it', async () => {
    const id = await metrics.movingBackup('slow');
    const [held = ''] = await metrics.victoria.snapshots();
    await metrics.victoria.stop();
    await metrics.world.ask('backup.cancel', { id });
    const { state, context } = await metrics.world.ending(id);
    expect(state).toBe('cancelled');
    expect(context.kept).toEqual([expect.stringMatching(new RegExp(`^snapshot ${held} of .*cannot be reached`))]);
    await metrics.victoria.start();
    expect(await metrics.left()).toEqual({ ...nothing, snapshots: [held], directories: [id] });
    await agent.kill();
    agent = await metrics.runAgent();
    await agent.told('sweep.removed');
    await expectNothingLeft(id);
  });

  test('an agent that drains cancels it within its grace, where the plan says so', async () => {
    const id = await metrics.movingBackup('cancels');
    const { status, tookMs } = await agent.terminate();
    expect(status).toBe(0);
    expect(tookMs).toBeLessThan(15_000);
    agent = await metrics.runAgent();
    expect(await metrics.world.ending(id)).toMatchObject({
      state: 'cancelled',
      context: { reason: 'drain-cancelled', kept: [] },
    });
    await expectNothingLeft(id);
  });

  test('an agent that drains suspends it otherwise: its snapshot is kept, and the next agent goes on with it', async () => {
    const id = await metrics.movingBackup('slow');
    await agent.terminate();
    expect(metrics.copying()).toEqual([]);
    const held = await metrics.victoria.snapshots();
    expect(held).toHaveLength(1);
    agent = await metrics.runAgent();
    expect(await metrics.world.ending(id)).toMatchObject({
      state: 'completed',
      context: { resumes: 1, result: { position: held[0] } },
    });
    expect(await metrics.left()).toEqual(nothing);
    expect(await metrics.verify(id)).toMatchObject({ state: 'completed' });
  });

  test('an agent that was killed leaves it to the next one, which ends it and leaves nothing', async () => {
    const id = await metrics.movingBackup('slow');
    const [held] = await metrics.victoria.snapshots();
    await agent.kill();
    agent = await metrics.runAgent();
    expect(await metrics.world.ending(id)).toMatchObject({
      state: 'completed',
      context: { result: { position: held } },
    });
    await eventually('nothing left', async () => (await metrics.left()).directories.length === 0);
    expect(await metrics.left()).toEqual(nothing);
  });
});
