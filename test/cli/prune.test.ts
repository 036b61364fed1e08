import { expect, test } from 'vitest';
import { fakeCluster } from './fake-cluster.ts';
import { wireRecord } from './fake-service.ts';
import { reeve } from './run-reeve.ts';

const cluster = fakeCluster();

const run = (words: string[]) => reeve(words, { variables: { REEVE_NATS_URL: cluster.server.url } });

test('a dry run of prune shows what stays and what goes, and why; without it the run is followed', async () => {
  const row = (id: string, reasons: string[]) => ({
    id,
    outcome: 'completed',
    completedAt: '2026-01-01T00:00:00.000Z',
    bytes: 2_048,
    reasons,
  });
  const preview = { keep: [row('photos-2', ['last 1', 'daily 2026-01-01'])], remove: [row('photos-1', ['no rule'])] };
  cluster.service.answers({
    'prune.start': ({ dryRun }) => (dryRun ? preview : { id: 'photos-p' }),
    'actor.get': () => ({
      actor: wireRecord({
        kind: 'prune',
        id: 'photos-p',
        state: 'completed',
        final: true,
        context: { plan: 'photos', message: 'removed 1 backup: photos-1', result: { bytes: 1_024, files: null } },
      }),
    }),
  });
  expect((await run(['prune', 'photos', '--dry-run'])).stdout.split('\n')).toEqual([
    'FATE    BACKUP    OUTCOME    COMPLETED                SIZE  WHY',
    'keep    photos-2  completed  2026-01-01 00:00:00Z  2.0 KiB  last 1, daily 2026-01-01',
    'remove  photos-1  completed  2026-01-01 00:00:00Z  2.0 KiB  no rule',
    '',
  ]);
  expect(JSON.parse((await run(['prune', 'photos', '--dry-run', '-o', 'json'])).stdout)).toEqual({
    ok: true,
    ...preview,
  });
  expect(await run(['prune', 'photos', '--wait', '--note', 'room'])).toEqual({
    status: 0,
    stdout: 'photos-p\n',
    stderr: 'prune photos-p completed: 1.0 KiB\n  removed 1 backup: photos-1\n',
  });
  expect(cluster.service.asked).toContainEqual(['prune.start', { plan: 'photos', note: 'room' }]);
});

test('lock, unlock and delete name one backup', async () => {
  cluster.service.answers({ 'backup.lock': () => ({}), 'backup.unlock': () => ({}), 'backup.delete': () => ({}) });
  const locked = await run(['lock', 'photos-1', '--until', '90d', '--note', 'audit']);
  expect(locked).toMatchObject({ status: 0, stdout: 'backup photos-1 is locked\n' });
  expect(await run(['unlock', 'photos-1'])).toMatchObject({ status: 0, stdout: 'backup photos-1 is not locked\n' });
  expect(await run(['delete', 'photos-1'])).toMatchObject({ status: 0, stdout: 'backup photos-1 is being deleted\n' });
  expect(cluster.service.asked).toEqual([
    ['backup.lock', { id: 'photos-1', until: '90d', note: 'audit' }],
    ['backup.unlock', { id: 'photos-1' }],
    ['backup.delete', { id: 'photos-1' }],
  ]);
});
