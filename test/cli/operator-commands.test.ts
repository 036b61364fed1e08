/** Commands of an operator's day: what waits, what is paused, what could not run. */
import { beforeEach, describe, expect, test } from 'vitest';
import { fakeCluster } from './fake-cluster.ts';
import { reeve } from './run-reeve.ts';

const cluster = fakeCluster();
beforeEach(() => cluster.service.answers({}));

const run = (words: string[]) => reeve(words, { variables: { REEVE_NATS_URL: cluster.server.url } });

describe('plan pause', () => {
  test('asks with the moment and the words, and list and show tell it', async () => {
    const paused = { until: '2026-05-01T06:00:00.000Z', note: 'a new\u001b disk' };
    const plan = { name: 'photos', engine: { type: 'files', path: '/srv' }, repository: 'nas', revision: 3, paused };
    cluster.service.answers({
      'plan.pause': () => ({}),
      'plan.resume': () => ({}),
      'plan.list': () => ({ plans: [plan] }),
      'plan.get': () => plan,
    });
    expect(await run(['plan', 'pause', 'photos', '--until', '3d', '--note', 'why'])).toMatchObject({
      status: 0,
      stdout: 'plan photos is paused\n',
    });
    expect((await run(['plan', 'resume', 'photos'])).stdout).toBe('plan photos goes on\n');
    expect(cluster.service.asked).toEqual([
      ['plan.pause', { name: 'photos', until: '3d', note: 'why' }],
      ['plan.resume', { name: 'photos' }],
    ]);
    const words = 'paused until 2026-05-01 06:00:00Z: a new\\x1b disk';
    expect((await run(['plan', 'list'])).stdout).toContain(words);
    const shown = (await run(['plan', 'show', 'photos'])).stdout;
    expect(shown).toContain(`# ${words}\n`);
    expect(shown).not.toContain('paused:');
  });
});

describe('queue', () => {
  test('lists what waits, in its order, and says so where nothing does', async () => {
    const row = { id: 'a-1', plan: 'a', position: 1, waitsFor: 'backup a-0 of the same plan', agent: 'nas-1' };
    cluster.service.answers({ 'queue.list': () => ({ queued: [{ ...row, since: '2026-01-01T00:00:00.000Z' }] }) });
    const { stdout, status } = await run(['queue', '--agent', 'nas-1']);
    expect(status).toBe(0);
    expect(stdout.split('\n')[1]).toBe('nas-1  1  a-1  a     2026-01-01 00:00:00Z  backup a-0 of the same plan');
    expect(cluster.service.asked).toEqual([['queue.list', { agent: 'nas-1' }]]);
    cluster.service.answers({ 'queue.list': () => ({ queued: [] }) });
    expect(await run(['queue'])).toMatchObject({ status: 0, stdout: '', stderr: 'nothing waits for its turn\n' });
  });
});

describe('check', () => {
  test('is status 0 where all is well, and 1 with what to do where it is not', async () => {
    const well = { name: 'source', ok: true, message: '/srv can be read', hint: '' };
    cluster.service.answers({ 'plan.check': () => ({ checks: [well] }) });
    const ran = await run(['check', 'photos']);
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(ran.stdout).toBe('CHECK   OK   FOUND\nsource  yes  /srv can be read\n');
    const ill = { name: 'mount', ok: false, message: 'nothing is mounted', hint: 'mount it\u001b' };
    cluster.service.answers({ 'plan.check': () => ({ checks: [well, ill] }) });
    const failed = await run(['check', 'photos']);
    expect(failed).toMatchObject({ status: 1, stderr: 'mount: mount it\\x1b\n' });
    expect(failed.stdout).toContain('mount   NO   nothing is mounted\n');
    expect(cluster.service.asked).toEqual([['plan.check', { name: 'photos' }]]);
    expect(JSON.parse((await run(['check', 'photos', '-o', 'json'])).stdout)).toMatchObject({ checks: [well, ill] });
  });
});
