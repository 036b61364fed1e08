import { expect, test } from 'vitest';
import { fakeCluster } from './fake-cluster.ts';
import { wireRecord } from './fake-service.ts';
import { reeve } from './run-reeve.ts';

const cluster = fakeCluster();

const run = (words: string[]) => reeve(words, { variables: { REEVE_NATS_URL: cluster.server.url } });

test('snapshot starts one, and snapshots lists those that were kept', async () => {
  const row = {
    id: 'metrics-1',
    plan: 'metrics',
    state: 'completed',
    startedAt: '2026-01-01T00:00:00.000Z',
    endedAt: '2026-01-01T00:00:02.000Z',
  };
  cluster.service.answers({
    'snapshot.start': () => ({ id: 'metrics-1' }),
    'snapshot.list': ({ plan }) => ({ snapshots: plan === 'none' ? [] : [row] }),
    'actor.get': () => ({
      actor: wireRecord({
        kind: 'snapshot',
        id: 'metrics-1',
        state: 'completed',
        final: true,
        context: { plan: 'metrics', result: { position: '20260101000001-18EB\u001b', bytes: null, files: null } },
      }),
    }),
  });
  expect(await run(['snapshot', 'metrics', '--note', 'why'])).toMatchObject({ status: 0, stdout: 'metrics-1\n' });
  expect(cluster.service.asked).toEqual([['snapshot.start', { plan: 'metrics', note: 'why' }]]);
  expect(await run(['snapshot', 'metrics', '--wait'])).toEqual({
    status: 0,
    stdout: 'metrics-1\n',
    stderr: 'snapshot metrics-1 completed\n  kept by its source as 20260101000001-18EB\\x1b\n',
  });
  expect((await run(['snapshots'])).stdout).toMatch(
    /^SNAPSHOT +PLAN +STARTED +ENDED\nmetrics-1 +metrics +2026-01-01 00:00:00Z +2026-01-01 00:00:02Z\n$/,
  );
  expect(cluster.service.asked.at(-1)).toEqual(['snapshot.list', { state: 'completed' }]);
  expect(await run(['snapshots', 'none'])).toMatchObject({ status: 0, stdout: '' });
  expect(cluster.service.asked.at(-1)).toEqual(['snapshot.list', { state: 'completed', plan: 'none' }]);
});
