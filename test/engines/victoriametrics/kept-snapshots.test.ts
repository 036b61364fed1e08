/** What the adapter keeps, deletes and leaves of snapshots, by what the commit slot of their run says. */
import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { RunContext } from '../../../src/domain/run.ts';
import type { EngineScope } from '../../../src/engines/engine.ts';
import { victoriaMetricsEngine } from '../../../src/engines/victoriametrics/engine.ts';
import { holdSnapshot } from '../../../src/engines/victoriametrics/snapshot-hold.ts';
import { readSnapshotRecord, writeSnapshotRecord } from '../../../src/engines/victoriametrics/snapshot-record.ts';
import { deleteSnapshot } from '../../../src/engines/victoriametrics/snapshot-run.ts';
import { AdapterWorld } from './adapter-world.ts';
import { missingTools, Victoria } from './victoria.ts';

describe.skipIf(missingTools().length > 0)('snapshots that a server keeps', () => {
  const { signal } = new AbortController();
  let world: AdapterWorld;
  let victoria: Victoria;
  let engine: AdapterWorld['engine'];
  let config: AdapterWorld['config'];

  beforeAll(async () => {
    world = await AdapterWorld.open();
    ({ victoria, engine, config } = world);
    await victoria.ingest('one', 10);
  });
  afterAll(async () => await world?.close());
  beforeEach(() => rmSync(config.data, { recursive: true, force: true }));
  afterEach(async () => {
    for (const name of await victoria.snapshots()) await victoria.deleteSnapshot(name);
  });

  const scopeOf = (id: string, more: Partial<RunContext> = {}) => world.scopeOf(id, more);

  /** A run with its snapshot, whose slot says this. */
  async function held(id: string, slot: RunContext['slot']): Promise<{ scope: EngineScope; name: string }> {
    const scope = await scopeOf(id, { slot });
    await holdSnapshot(scope, engine, signal);
    return { scope, name: (await readSnapshotRecord(scope.directory))?.name ?? '' };
  }

  const release = async (scope: EngineScope) => await victoriaMetricsEngine.release?.(scope, signal);

  test.each(['none', 'void'] as const)('one whose slot is %s is deleted, and stands nowhere', async slot => {
    const { scope, name } = await held('a', slot);
    expect(await victoria.snapshots()).toEqual([name]);
    expect(await release(scope)).toEqual([]);
    expect(await victoria.snapshots()).toEqual([]);
    expect(await victoriaMetricsEngine.discard(scope, signal)).toEqual([]);
  });

  test('one that was committed is kept, also when that is asked again', async () => {
    const { scope, name } = await held('a', 'manifest');
    expect([await release(scope), await release(scope)]).toEqual([[], []]);
    expect(await victoria.snapshots()).toEqual([name]);
    await scope.directory.remove();
    expect(await release(await scopeOf('a', { slot: 'manifest' }))).toEqual([]);
    expect(await victoria.snapshots()).toEqual([name]);
  });

  test('one of which nobody knows whether it was committed is left, and told', async () => {
    const { scope, name } = await held('a', 'open');
    expect(await release(scope)).toEqual([`snapshot ${name} of ${engine.url}: nobody knows whether it was committed`]);
    expect(await victoria.snapshots()).toEqual([name]);
  });

  test('another run whose request was lost at that moment does not take a kept one for its own', async () => {
    const lost = await scopeOf('b', { task: 'backup' });
    const asked = [{ before: await victoria.snapshots(), at: Date.now() }];
    await writeSnapshotRecord(lost.directory, { url: engine.url, name: null, asked, doubtful: [] });
    const { scope, name } = await held('a', 'manifest');
    await release(scope);
    await scope.directory.remove();
    expect(await release(lost)).toEqual([]);
    expect(await victoria.snapshots()).toEqual([name]);
  });

  test('without that word it would have: what the other run does is delete', async () => {
    const lost = await scopeOf('b', { task: 'backup' });
    const asked = [{ before: [], at: Date.now() }];
    await writeSnapshotRecord(lost.directory, { url: engine.url, name: null, asked, doubtful: [] });
    await victoria.createSnapshot();
    expect(await release(lost)).toEqual([]);
    expect(await victoria.snapshots()).toEqual([]);
  });

  test('one that was made later than the run’s own may be in the making: it is left, and told', async () => {
    const { scope, name } = await held('a', 'none');
    const asked = [{ before: [name], at: Date.now() }];
    await writeSnapshotRecord(scope.directory, { url: engine.url, name, asked, doubtful: [] });
    const later = await victoria.createSnapshot();
    expect(await release(scope)).toEqual([
      expect.stringContaining(`snapshot ${later} of ${engine.url}: it may be of a`),
    ]);
    expect(await victoria.snapshots()).toEqual([later]);
  });

  test('more than were asked for by then cannot all be the run’s: none of them is deleted', async () => {
    const scope = await scopeOf('b', { task: 'backup' });
    const first = { before: await victoria.snapshots(), at: Date.now() };
    const there = [await victoria.createSnapshot(), await victoria.createSnapshot()];
    const asked = [first, { before: there, at: Date.now() }];
    await writeSnapshotRecord(scope.directory, { url: engine.url, name: null, asked, doubtful: [] });
    expect(await release(scope)).toEqual(
      there.map(name => expect.stringContaining(`snapshot ${name} of ${engine.url}`)),
    );
    expect(await victoria.snapshots()).toEqual(there);
  });

  test('a server that answers no request for a snapshot is asked five times by a run', async () => {
    const scope = await scopeOf('a', { task: 'backup' });
    const asked = Array.from({ length: 5 }, () => ({ before: [], at: Date.now() }));
    await writeSnapshotRecord(scope.directory, { url: engine.url, name: null, asked, doubtful: [] });
    const refused = { failure: { kind: 'permanent', message: expect.stringContaining('none was answered') } };
    await expect(holdSnapshot(scope, engine, signal)).rejects.toMatchObject(refused);
    await victoria.createSnapshot();
    await expect(release(scope)).rejects.toMatchObject(refused);
    expect(await victoria.snapshots()).toHaveLength(1);
  });

  test('what is kept can be copied into an empty data path, and served from there', async () => {
    const { scope, name } = await held('a', 'manifest');
    await release(scope);
    await victoria.ingest('later', 5);
    const copy = join(world.root, 'copy');
    execFileSync('cp', ['-rL', join(engine.dataPath, 'snapshots', name), copy]);
    const back = await Victoria.start(copy);
    try {
      expect(await back.series()).toEqual({ one: 10 });
    } finally {
      await back.stop('SIGKILL');
    }
  });

  test('the proof is the list of the server', async () => {
    const { name } = await held('a', 'open');
    const result = { bytes: null, files: null, bytesStored: null, position: name, manifest: name };
    const scope = await scopeOf('a', { result });
    expect(await victoriaMetricsEngine.snapshots?.taken(scope)).toMatchObject({ outcome: 'completed', result });
    await victoriaMetricsEngine.prove(scope, signal);
    await victoria.deleteSnapshot(name);
    await expect(victoriaMetricsEngine.prove(scope, signal)).rejects.toMatchObject({
      failure: { kind: 'permanent', code: 'proof-missing', message: `${engine.url} has no snapshot ${name} any more` },
    });
  });

  test('deleteSnapshot deletes the one of that name alone, and is done where there is none', async () => {
    const { scope, name } = await held('a', 'manifest');
    await release(scope);
    const other = await victoria.createSnapshot();
    expect(readdirSync(join(config.data, 'kept-snapshots'))).toEqual([name]);
    await deleteSnapshot(engine, config, name, signal);
    expect(await victoria.snapshots()).toEqual([other]);
    expect(readdirSync(join(config.data, 'kept-snapshots'))).toEqual([]);
    await victoriaMetricsEngine.snapshots?.delete(scope.run.document, config, name, signal);
    expect(await victoria.snapshots()).toEqual([other]);
  });

  test('deleteSnapshot refuses what is no name of a snapshot, and passes on what the server refuses', async () => {
    for (const name of ['', '..', '../../etc', 'x&snapshot=y'])
      await expect(deleteSnapshot(engine, config, name, signal)).rejects.toMatchObject({
        failure: { code: 'engine-failed', message: expect.stringContaining('is no name of a snapshot') },
      });
    const { name } = await held('a', 'manifest');
    await expect(deleteSnapshot({ ...engine, credentials: undefined }, config, name, signal)).rejects.toMatchObject({
      failure: { code: 'auth-failed' },
    });
    expect(await victoria.snapshots()).toEqual([name]);
  });
});
