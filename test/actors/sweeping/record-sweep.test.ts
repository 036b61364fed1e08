/**
 * The records of runs that are over leave for the history, and a thousand of them disturb nothing. In a soak runs that fail
 * make a good part of them; otherwise most are written as such runs leave them.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runIdOfRequest } from '../../../src/domain/run-id.ts';
import { openLink } from '../../../src/nats/connection.ts';
import { Names } from '../../../src/nats/names.ts';
import { NatsRecordStore } from '../../../src/nats/record-store.ts';
import { eventually } from '../../support/eventually.ts';
import { makeRecord } from '../../support/records.ts';
import { repetitions } from '../../support/repetitions.ts';
import { statesOf } from '../../support/world.ts';
import { PruneWorld } from '../retention/prune-world.ts';

let pruning: PruneWorld;
beforeAll(async () => {
  pruning = await PruneWorld.open();
});
afterAll(() => pruning?.world.close());

test('1,000 failed records under keepLast 1 disturb neither backup nor prune, and age out; their history stays', async () => {
  const { world } = pruning;
  await pruning.plan('docs', { retention: { keepLast: 1 } });
  const [first] = await pruning.backups('docs', 1);
  const { context } = await world.record(String(first));
  await pruning.plan('docs', { engine: { type: 'exec', use: 'fails' }, retention: { keepLast: 1 } });
  const real: string[] = [];
  for (let run = 0; run < repetitions(400, 80); run += 1) {
    const { id, state, reason } = await world.backUp('docs');
    expect([state, reason]).toEqual(['failed', 'engine-failed']);
    real.push(id);
  }
  await pruning.plan('docs', { retention: { keepLast: 1 } });
  const failed = Array.from({ length: 1_000 - real.length }, (_, index) => {
    const at = new Date(Date.now() - (index === 0 ? 0 : 3_600_000)).toISOString();
    const run = {
      ...context,
      id: index === 2 ? runIdOfRequest('docs', 'long ago') : `docs-failed-${index}`,
      ending: 'failed',
      endedAt: at,
      startedAt: at,
      slot: 'void',
    };
    return makeRecord({
      id: run.id,
      state: 'failed',
      final: true,
      context: run,
      canTake: [],
      reason: 'engine-failed',
      at,
    });
  });
  const link = await openLink({ servers: [world.server.url], name: 'test' }, { signal: AbortSignal.timeout(10_000) });
  const store = new NatsRecordStore(link, new Names());
  for (let from = 0; from < failed.length; from += 100)
    await Promise.all(failed.slice(from, from + 100).map(record => store.append(record)));
  await link.close();
  const directory = join(world.data, 'runs', 'docs-failed-1');
  mkdirSync(directory, { recursive: true });

  const [second] = await pruning.backups('docs', 1);
  await pruning.prunes('docs');
  expect(await pruning.catalogued('docs')).toEqual([second]);
  expect(await pruning.rows('backup.list', 'docs')).toHaveLength(1_000);

  // By a plan that lets them go sooner, as soon as an agent looks.
  await pruning.plan('docs', { retention: { keepLast: 1, failedFor: '30m' } });
  await world.stopAgents();
  await pruning.runAgent();
  const left = await eventually('they are gone', async () => {
    const rows = await pruning.rows('backup.list', 'docs');
    return rows.length <= real.length + 3 && rows.map(({ id }) => id);
  });
  expect(left.sort()).toEqual([first, second, 'docs-failed-0', ...real].sort());
  await eventually('the directory of one', () => !existsSync(directory));
  expect(await world.ask('backup.get', { id: 'docs-failed-7' })).toMatchObject({ actor: { state: 'failed' } });
  expect(await world.history('docs-failed-7')).toHaveLength(1);
  // A repeat of a request whose run has left starts nothing.
  const repeated = { ok: true, id: runIdOfRequest('docs', 'long ago') };
  expect(await world.ask('backup.start', { plan: 'docs', requestId: 'long ago' })).toEqual(repeated);
  expect(await pruning.rows('backup.list', 'docs')).toHaveLength(real.length + 3);

  // Those that really failed, too, once they are old enough.
  await pruning.plan('docs', { retention: { keepLast: 1, failedFor: '1s' } });
  await world.stopAgents();
  await pruning.runAgent();
  const listed = async () => (await pruning.rows('backup.list', 'docs')).map(({ id }) => id).sort();
  await eventually('they are gone, too', async () => (await listed()).join() === [first, second].sort().join());
  expect(statesOf(await world.history(String(real[0]))).at(-1)).toBe('failed');
  expect(world.runDirectories()).toEqual([]);
  expect(await pruning.catalogued('docs')).toEqual([second]);
  expect(pruning.files('docs')).toEqual(expect.arrayContaining(pruning.whole(second)));
});
