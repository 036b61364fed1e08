/** VictoriaMetrics backed up and brought back by the real tools, under a real agent. */
import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { MetricsWorld, nothing } from './metrics-world.ts';
import { missingTools, restored, Victoria } from './victoria.ts';

describe.skipIf(missingTools().length > 0)('VictoriaMetrics', () => {
  let metrics: MetricsWorld;
  let [first, second] = ['', ''];

  beforeAll(async () => {
    metrics = await MetricsWorld.open();
    await metrics.runAgent();
    await metrics.plan('metrics');
  });
  afterAll(() => metrics?.close());

  test('a restore brings back what was there at its backup, and nothing of later', async () => {
    const { world, victoria } = metrics;
    await victoria.ingest('one', 300);
    const one = await world.backUp('metrics');
    expect(one).toMatchObject({ state: 'completed', context: { kept: [], result: { manifest: one.id } } });
    await victoria.ingest('two', 200);
    const two = await world.backUp('metrics');
    expect(two).toMatchObject({ state: 'completed', context: { kept: [] } });
    [first, second] = [one.id, two.id];
    expect(await victoria.series()).toEqual({ one: 300, two: 200 });
    expect(await metrics.left()).toEqual(nothing);

    const to = restored(world.directory);
    const { result } = one.context as { result: { bytes: number; files: number } };
    const { bytes, files } = result;
    expect(await metrics.restore(first, to)).toMatchObject({
      state: 'completed',
      context: { result: { bytes, files } },
    });
    const back = await Victoria.start(to);
    try {
      expect(await back.series()).toEqual({ one: 300 });
    } finally {
      await back.stop('SIGKILL');
    }
  });

  test('what the last backup has is not sent again', async () => {
    const { bytes, bytesStored } = (await metrics.world.record(second)).context.result as Record<string, number>;
    expect(bytesStored).toBeLessThan((bytes ?? 0) / 2);
    const again = await metrics.world.backUp('metrics');
    expect(again.context.result).toMatchObject({ bytes: expect.any(Number) });
    expect((again.context.result as Record<string, number>).bytesStored).toBeLessThan((bytes ?? 0) / 2);
  });

  test('a restore is refused into a directory that is not empty, and of a part', async () => {
    const { world } = metrics;
    const to = restored(world.directory);
    expect(await metrics.restore(first, world.repository)).toMatchObject({
      state: 'failed',
      context: { message: expect.stringContaining('is not empty') },
    });
    expect(await metrics.restore(first, to, { include: ['data'] })).toMatchObject({
      state: 'failed',
      context: { message: expect.stringContaining('only be restored as a whole') },
    });
  });

  test('a source that shrank makes the backup partial', async () => {
    const small = await Victoria.start(join(metrics.world.directory, 'small'));
    try {
      await metrics.plan('metrics', { url: small.url, dataPath: small.dataPath });
      expect(await metrics.world.backUp('metrics')).toMatchObject({
        state: 'partial',
        context: { reason: 'source-shrunk', message: expect.stringContaining('bytes, the last complete backup had') },
      });
    } finally {
      await small.stop('SIGKILL');
      await metrics.plan('metrics');
    }
  });

  test('the data path of another server fails the backup before anything is copied', async () => {
    const { world, victoria } = metrics;
    await metrics.plan('elsewhere', { dataPath: world.source });
    const record = await world.backUp('elsewhere');
    expect(record).toMatchObject({ state: 'failed', context: { reason: 'source-missing' } });
    expect(metrics.stored()).not.toContain(record.id);
    expect(await victoria.snapshots()).toEqual([]);
  });

  test('a prune removes the destination that its retention lets go, and no other; what stays restores', async () => {
    const { world } = metrics;
    const others = metrics.stored();
    await metrics.plan('kept', {}, { retention: { keepLast: 1 } });
    const [older, newer] = [await world.backUp('kept'), await world.backUp('kept')];
    const id = await eventually('its prune', async () => {
      const { prunes } = (await world.ask('prune.list', { plan: 'kept' })) as unknown as { prunes: { id: string }[] };
      return prunes[0]?.id;
    });
    expect(await world.ending(id, 'prune')).toMatchObject({
      state: 'completed',
      context: { message: `removed 1 backup: ${older.id}` },
    });
    expect(metrics.stored()).toEqual([...others, newer.id].sort());
    expect(await metrics.restore(newer.id)).toMatchObject({ state: 'completed' });
    expect(await metrics.left()).toEqual(nothing);
  });

  test('a drill starts a server on what it restored, asks it for every sample, and leaves nothing', async () => {
    const drilling = () => metrics.world.workers().filter(({ command }) => command.join().includes('/scratch/'));
    const record = await metrics.drill(second);
    const { bytes } = (await metrics.world.record(second)).context.result as { bytes: number };
    expect(record).toMatchObject({ state: 'completed', context: { message: null, kept: [], result: { bytes } } });
    expect(readdirSync(join(metrics.world.data, 'scratch'))).toEqual([]);
    expect(drilling()).toEqual([]);
    const part = join(metrics.world.repository, second, 'data/small');
    const index = readdirSync(part, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile() && entry.parentPath.endsWith('/timestamps.bin'))
      .map(entry => join(entry.parentPath, entry.name));
    expect(index.length).toBeGreaterThan(0);
    const sound = index.map(path => readFileSync(path));
    // Of the same size, so that neither vmrestore nor a verify sees it.
    for (const path of index) writeFileSync(path, Buffer.alloc(statSync(path).size, 0xff));
    try {
      expect(await metrics.verify(second)).toMatchObject({ state: 'completed' });
      expect(await metrics.drill(second)).toMatchObject({
        state: 'failed',
        context: {
          reason: 'data-corrupt',
          message: expect.stringMatching(/5000 samples in its parts, and a query brings back \d+$/),
          kept: [],
        },
      });
    } finally {
      for (const [at, path] of index.entries()) writeFileSync(path, sound[at] ?? '');
    }
    expect(drilling()).toEqual([]);
  });

  test('a verify finds a part that is cut and one that is gone, and a restore of it does not pass for whole', async () => {
    expect(await metrics.verify(second)).toMatchObject({ state: 'completed' });
    const part = largestPart(join(metrics.world.repository, second));
    truncateSync(part, 10);
    expect(await metrics.verify(second)).toMatchObject({
      state: 'failed',
      context: { reason: 'data-corrupt', message: expect.stringContaining('has 10 bytes instead of') },
    });
    expect(await metrics.restore(second)).toMatchObject({ state: 'failed', context: { reason: 'data-corrupt' } });
    rmSync(part);
    expect(await metrics.verify(second)).toMatchObject({
      state: 'failed',
      context: { reason: 'data-corrupt', message: expect.stringContaining('instead of') },
    });
    // vmrestore itself ends with 0 here.
    expect(await metrics.restore(second)).toMatchObject({
      state: 'failed',
      context: { reason: 'data-corrupt', message: expect.stringContaining('is not whole') },
    });
  });
});

function largestPart(directory: string): string {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile());
  const paths = files.map(({ parentPath, name }) => join(parentPath, name));
  return paths.sort((one, other) => statSync(other).size - statSync(one).size)[0] ?? '';
}
