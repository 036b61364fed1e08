/** A VictoriaMetrics that is away, refuses, or does not answer. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { agentConfigOf, agentSchema } from '../../../src/domain/agent-config.ts';
import type { EngineScope } from '../../../src/engines/engine.ts';
import { victoriaMetricsEngine } from '../../../src/engines/victoriametrics/engine.ts';
import { SnapshotApi } from '../../../src/engines/victoriametrics/snapshot-api.ts';
import { MetricsWorld, nothing } from './metrics-world.ts';
import { OddServer } from './odd-server.ts';
import { missingTools } from './victoria.ts';

describe.skipIf(missingTools().length > 0)('a VictoriaMetrics that does not do as it is asked', () => {
  let metrics: MetricsWorld;
  let odd: OddServer;

  beforeAll(async () => {
    metrics = await MetricsWorld.open();
    await metrics.runAgent();
    await metrics.victoria.ingest('one', 10);
    odd = await OddServer.start(metrics.victoria.port);
    await metrics.plan('metrics');
    await metrics.plan('odd', { url: odd.url }, { deadlines: { prepare: '1s' } });
  });
  afterAll(async () => {
    await odd?.stop();
    await metrics?.close();
  });

  test('a wrong password is told, and the next run reads the file anew', async () => {
    metrics.writePassword('wrong');
    expect(await metrics.world.backUp('metrics')).toMatchObject({
      state: 'failed',
      context: { reason: 'auth-failed', kept: [], failure: { kind: 'permanent' } },
    });
    metrics.writePassword(metrics.victoria.password);
    expect(await metrics.world.backUp('metrics')).toMatchObject({ state: 'completed' });
  });

  test('a server that is away may be back at the next attempt', async () => {
    await metrics.victoria.stop();
    const record = await metrics.world.backUp('metrics');
    expect(record).toMatchObject({
      state: 'failed',
      context: { reason: 'source-unreachable', kept: [], failure: { kind: 'transient' } },
    });
    expect(existsSync(join(metrics.world.repository, record.id))).toBe(false);
    await metrics.victoria.start();
    expect(await metrics.world.backUp('metrics')).toMatchObject({ state: 'completed' });
  });

  test('one that never answers ends the run at its deadline, and nothing is left', async () => {
    odd.manner = 'silent';
    expect(await metrics.world.backUp('odd')).toMatchObject({
      state: 'timed-out',
      context: { reason: 'deadline-prepare', message: expect.stringContaining('prepare'), kept: [] },
    });
    expect(await metrics.left()).toEqual(nothing);
    odd.manner = 'open';
    expect(await metrics.world.backUp('odd')).toMatchObject({ state: 'completed' });
  });

  test('a snapshot whose name never came is deleted all the same', async () => {
    odd.manner = 'forgetful';
    let made: string[] = [];
    odd.onKept = async () => {
      made = await metrics.victoria.snapshots();
    };
    const strangers = await metrics.victoria.createSnapshot();
    expect(await metrics.world.backUp('odd')).toMatchObject({ state: 'timed-out', context: { kept: [] } });
    expect(made).toHaveLength(2);
    expect(await metrics.victoria.snapshots()).toEqual([strangers]);
    await metrics.victoria.deleteSnapshot(strangers);
  });

  test('and so is one of which a proxy said that it took too long', async () => {
    odd.manner = 'impatient';
    let made: string[] = [];
    odd.onKept = async () => {
      made = await metrics.victoria.snapshots();
    };
    expect(await metrics.world.backUp('odd')).toMatchObject({
      state: 'failed',
      context: { reason: 'source-unreachable', kept: [], failure: { kind: 'transient' } },
    });
    expect(made).toHaveLength(1);
    expect(await metrics.left()).toEqual(nothing);
  });

  test('where it could be a stranger’s nothing is deleted, and the run says so', async () => {
    odd.manner = 'forgetful';
    odd.onKept = async () => void (await metrics.victoria.createSnapshot());
    const { context, state } = await metrics.world.backUp('odd');
    const there = await metrics.victoria.snapshots();
    expect(state).toBe('timed-out');
    expect(there).toHaveLength(2);
    for (const name of there) expect(context.kept).toContainEqual(expect.stringContaining(`snapshot ${name} of`));
    for (const name of there) await metrics.victoria.deleteSnapshot(name);
  });

  test('a check says before the night what would fail then', async () => {
    const { world, victoria, config } = metrics;
    const { repositories, credentials } = agentConfigOf(agentSchema.parse(documentOf(config)));
    const engine = { type: 'victoriametrics', url: victoria.url, dataPath: victoria.dataPath, credentials: 'vm' };
    const look = async (more: object = {}) => {
      const run = { document: { engine: { ...engine, ...more } } };
      const scope = { run, key: 'check', repository: repositories.vm, config: { name: 'here', credentials } };
      const checks = await victoriaMetricsEngine.check(scope as EngineScope, new AbortController().signal);
      return checks.filter(({ ok }) => !ok).map(({ name, message }) => `${name}: ${message}`);
    };
    expect(await look()).toEqual([]);
    metrics.writePassword('wrong');
    expect(await look()).toEqual([expect.stringMatching(/^login: .*answered 401/)]);
    metrics.writePassword(victoria.password);
    expect(await look({ dataPath: world.source })).toEqual([expect.stringMatching(/^snapshots: .*ENOENT/)]);
  });

  test('a repository that is not there and a tool that is not there are told before a snapshot is made', async () => {
    const { world, victoria, config } = metrics;
    await metrics.plan('nowhere', {}, { repository: 'gone' });
    expect(await world.backUp('nowhere')).toMatchObject({
      state: 'failed',
      context: { reason: 'repository-unreachable', kept: [] },
    });
    await world.runAgent({ name: 'bare', data: `${world.data}-bare`, config, env: { PATH: world.source } });
    await metrics.plan('toolless', {}, { placement: { agent: 'bare' } });
    expect(await world.backUp('toolless')).toMatchObject({
      state: 'failed',
      context: { reason: 'engine-missing', kept: [] },
    });
    expect(await victoria.snapshots()).toEqual([]);
  });

  test('a call has a deadline of its own, and names it', async () => {
    odd.manner = 'silent';
    const api = await SnapshotApi.open({ url: odd.url }, { name: 'here', credentials: {} }, 100);
    await expect(api.list()).rejects.toMatchObject({
      failure: { code: 'deadline-other', message: expect.stringContaining('the deadline of the list of snapshots') },
    });
  });
});

function documentOf(path: string): object {
  const { kind: _, ...document } = parse(readFileSync(path, 'utf8'));
  return document;
}
