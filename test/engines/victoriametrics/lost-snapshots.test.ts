/** A snapshot that nobody waits for any more while a real server still makes it: to delete it then would end the server. */
import { once } from 'node:events';
import { watch } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EngineScope } from '../../../src/engines/engine.ts';
import { victoriaMetricsEngine } from '../../../src/engines/victoriametrics/engine.ts';
import { holdSnapshot } from '../../../src/engines/victoriametrics/snapshot-hold.ts';
import { readSnapshotRecord } from '../../../src/engines/victoriametrics/snapshot-record.ts';
import { AdapterWorld } from './adapter-world.ts';
import { missingTools, type Victoria } from './victoria.ts';

describe.skipIf(missingTools().length > 0)('a snapshot that the server still makes', () => {
  const { signal } = new AbortController();
  let world: AdapterWorld;
  let victoria: Victoria;

  beforeAll(async () => {
    world = await AdapterWorld.open();
    ({ victoria } = world);
    await victoria.ingestMonths(20);
  });
  afterAll(async () => await world?.close());

  /** A run that asked for a snapshot and was stopped while the server makes it; the server is frozen there. */
  async function stoppedRun(id: string): Promise<EngineScope> {
    const { engine } = world;
    const scope = await world.scopeOf(id, { task: 'backup' });
    const watcher = watch(join(engine.dataPath, 'snapshots'));
    const begun = once(watcher, 'change');
    const stopping = new AbortController();
    const holding = expect(holdSnapshot(scope, engine, stopping.signal)).rejects.toThrow('stopped');
    await begun;
    victoria.freeze();
    watcher.close();
    stopping.abort(new Error('stopped'));
    await holding;
    return scope;
  }

  /** Does something that asks the server, which goes on meanwhile. */
  async function whileMade<T>(work: () => Promise<T> | undefined): Promise<T | undefined> {
    const working = work();
    victoria.thaw();
    return await working;
  }

  /** What the server says that it did to snapshots, in its order. */
  function told(): { made: string[]; deleted: string[]; deletedTooEarly: string[] } {
    const [made, deleted, deletedTooEarly] = [[], [], []] as [string[], string[], string[]];
    for (const line of victoria.lines) {
      const name = /snapshots\/(\d{14}-[0-9A-F]+)"/.exec(line)?.[1] ?? '';
      if (/\tcreated Storage snapshot /.test(line)) made.push(name);
      if (!/\tdeleting snapshot /.test(line)) continue;
      deleted.push(name);
      if (!made.includes(name)) deletedTooEarly.push(name);
    }
    return { made, deleted, deletedTooEarly };
  }

  test('is deleted by the release once it is made, and not before', async () => {
    const scope = await stoppedRun('released');
    expect(await whileMade(() => victoriaMetricsEngine.release?.(scope, signal))).toEqual([]);
    expect(await victoria.snapshots()).toEqual([]);
    expect(told().deletedTooEarly).toEqual([]);
    expect(told().deleted).toEqual(expect.arrayContaining(told().made));
  });

  test('is deleted by the next attempt of its run once it is made, and that one has another', async () => {
    const scope = await stoppedRun('resumed');
    await whileMade(() => holdSnapshot(scope, world.engine, signal));
    const record = await readSnapshotRecord(scope.directory);
    expect(told().deletedTooEarly).toEqual([]);
    expect(await victoria.snapshots()).toEqual([record?.name]);
    expect(record).toMatchObject({ asked: [], doubtful: [] });
    expect(await victoriaMetricsEngine.release?.(scope, signal)).toEqual([]);
    expect(await victoria.snapshots()).toEqual([]);
  });
});
