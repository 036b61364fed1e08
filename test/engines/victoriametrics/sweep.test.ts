/** The snapshot of a run that was given up goes; one that was kept, and one that somebody else made, stay. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { giveUp } from '../../actors/runs/lost-runs.ts';
import { MetricsWorld } from './metrics-world.ts';
import { missingTools } from './victoria.ts';

describe.skipIf(missingTools().length > 0)('VictoriaMetrics', () => {
  let metrics: MetricsWorld;
  beforeEach(async () => {
    metrics = await MetricsWorld.open();
  });
  afterEach(() => metrics?.close());

  test('a snapshot that a killed agent left is deleted by its recorded name, with its destination, and no other', async () => {
    const { world, victoria } = metrics;
    const agent = await metrics.runAgent();
    await metrics.plan('metrics', { bytesPerSecond: '64KiB' });
    await victoria.ingest('one', 20_000);
    const { id: kept } = await world.ask('snapshot.start', { plan: 'metrics' });
    await world.ending(String(kept), 'snapshot');
    const strange = await victoria.createSnapshot();
    const before = await victoria.snapshots();
    expect(before).toHaveLength(2);
    const id = await metrics.movingBackup('metrics');
    expect(await victoria.snapshots()).toHaveLength(3);
    await agent.kill();
    for (const pid of metrics.copying()) process.kill(pid, 'SIGKILL');
    await giveUp(world, id);

    const next = await metrics.runAgent();
    await next.told('sweep.removed');
    expect((await victoria.snapshots()).sort()).toEqual(before.sort());
    expect(before).toContain(strange);
    expect(metrics.stored()).not.toContain(id);
    expect([world.runDirectories(), metrics.copying()]).toEqual([[], []]);
    expect(next.log.filter(({ fact }) => fact === 'sweep.left')).toEqual([]);
  });
});
