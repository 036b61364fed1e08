/** `reeve schedule` and `reeve defaults` as command lines. */
import { beforeEach, expect, test } from 'vitest';
import { fakeCluster } from './fake-cluster.ts';
import { reeve } from './run-reeve.ts';

const cluster = fakeCluster();
beforeEach(() => cluster.service.answers({}));

const run = (...words: string[]) => reeve(words, { variables: { REEVE_NATS_URL: cluster.server.url } });

const waiting = {
  plan: 'ledger',
  state: 'waiting',
  since: '2026-05-01T00:00:00.000Z',
  next: '2026-05-02T00:00:00.000Z',
};
const nightly = {
  name: 'nightly',
  plans: { labels: { tier: 'db' } },
  task: 'backup',
  cron: '0 1 * * *',
  revision: 3,
  state: 'blocked',
  since: '2026-05-01T01:00:00.000Z',
  next: '2026-05-02T00:00:00.000Z',
  lastFate: { tick: '2026-05-01T00:00:00.000Z', fate: 'ran' },
  actors: [
    { ...waiting, lastFate: null },
    { ...waiting, plan: 'orders', state: 'blocked', why: 'backup o-1 is\u001b slow' },
  ],
};

test('pause, resume and trigger ask with the words, and trigger prints the ids of what it started', async () => {
  cluster.service.answers({
    'schedule.pause': () => ({}),
    'schedule.resume': () => ({}),
    'schedule.trigger': () => ({ ids: ['ledger-1', 'orders-1\u001b'] }),
  });
  expect(
    await run('schedule', 'pause', 'nightly', '--plan', 'ledger', '--until', '3d', '--note', 'a new disk'),
  ).toMatchObject({
    status: 0,
    stdout: 'schedule nightly is paused\n',
  });
  expect(await run('schedule', 'resume', 'nightly')).toMatchObject({ status: 0, stdout: 'schedule nightly goes on\n' });
  expect(await run('schedule', 'trigger', 'nightly')).toMatchObject({ status: 0, stdout: 'ledger-1\norders-1\\x1b\n' });
  expect(cluster.service.asked).toEqual([
    ['schedule.pause', { name: 'nightly', plan: 'ledger', until: '3d', note: 'a new disk' }],
    ['schedule.resume', { name: 'nightly' }],
    ['schedule.trigger', { name: 'nightly' }],
  ]);
});

test('list says how a schedule stands and what is in its way, show prints it as it can be applied again', async () => {
  cluster.service.answers({ 'schedule.list': () => ({ schedules: [nightly] }), 'schedule.get': () => nightly });
  const [, line] = (await run('schedule', 'list')).stdout.split('\n');
  expect(line?.split(/ {2,}/)).toEqual([
    'nightly',
    'tier=db (2)',
    'backup',
    '0 1 * * *',
    '2026-05-02 00:00:00Z',
    'ran',
    'blocked (1 of 2): backup o-1 is\\x1b slow',
  ]);
  const shown = (await run('schedule', 'show', 'nightly')).stdout;
  expect(shown.split('\n').slice(0, 4)).toEqual([
    '# revision 3',
    '# ledger: waiting since 2026-05-01 00:00:00Z; next 2026-05-02 00:00:00Z',
    '# orders: blocked since 2026-05-01 00:00:00Z; backup o-1 is\\x1b slow; next 2026-05-02 00:00:00Z',
    'kind: Schedule',
  ]);
  expect(shown).not.toContain('actors');
});

test('preview lists ticks as they stand on the clock of the zone', async () => {
  const tick = {
    at: '2026-03-29T02:00:00.000Z',
    local: '2026-03-29 04:00:00 +02:00',
    note: 'the clocks go forward by 1h before it',
  };
  cluster.service.answers({ 'schedule.preview': () => ({ ticks: [tick] }) });
  expect((await run('schedule', 'preview', 'nightly', '--plan', 'a', '--count', '1')).stdout).toContain(tick.note);
  expect(cluster.service.asked).toEqual([['schedule.preview', { name: 'nightly', plan: 'a', count: 1 }]]);
});

test('defaults are listed with what they match and give, and shown as they can be applied again', async () => {
  const db = { name: 'db', match: { tier: 'db' }, plan: { repository: 'dbs', retry: { attempts: 2 } }, revision: 4 };
  cluster.service.answers({ 'defaults.list': () => ({ defaults: [db] }), 'defaults.get': () => db });
  expect((await run('defaults', 'list')).stdout).toMatch(/^db +tier=db +repository, retry$/m);
  expect((await run('defaults', 'show', 'db')).stdout).toMatch(
    /^# revision 4\nkind: Defaults\nname: db\nmatch:\n {2}tier: db\n/,
  );
});

test('an empty cluster is told in words', async () => {
  cluster.service.answers({ 'schedule.list': () => ({ schedules: [] }), 'defaults.list': () => ({ defaults: [] }) });
  expect(await run('schedule', 'list')).toMatchObject({
    status: 0,
    stdout: '',
    stderr: expect.stringContaining('no schedules yet'),
  });
  expect(await run('defaults', 'list')).toMatchObject({
    status: 0,
    stdout: '',
    stderr: expect.stringContaining('no Defaults yet'),
  });
});
