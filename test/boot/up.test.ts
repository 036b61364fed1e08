/** `reeve up` from its first start to its last: real processes, a real nats-server, a home directory of its own. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectClient } from '../../src/nats/client.ts';
import { describeTree, noise } from '../engines/files/trees.ts';
import { eventually } from '../support/eventually.ts';
import { tellMeasured } from '../support/measured.ts';
import { startNatsServer } from '../support/nats-server.ts';
import { Home, type UpProcess } from './up-process.ts';

const stays = 'Reeve stays up';
/** What is promised from the start of the process to the first completed backup. */
const promisedMs = 10_000;

let home: Home;
beforeEach(async () => {
  home = await Home.open();
  for (let index = 0; index < 5; index += 1)
    writeFileSync(join(home.source, `file-${index}`), noise(400_000, `up ${index}`));
});
afterEach(() => home?.close());

async function upAndStaying(words: string[] = [home.source]): Promise<UpProcess> {
  const up = home.run(['up', ...words]);
  await up.said(stays);
  return up;
}

/** The server that it said it runs. */
function urlOf(up: UpProcess): string {
  return /nats:\/\/127\.0\.0\.1:\d+/.exec(up.stderr)?.[0] ?? '';
}

async function newestBackup(up: UpProcess) {
  const client = await connectClient({ url: urlOf(up) });
  try {
    const [newest] = (await client.request('backup.list')).backups as { id: string; state: string }[];
    const { actor } = await client.request('backup.get', { id: newest?.id });
    return actor as { id: string; state: string; context: { result: { bytes: number; bytesStored: number } } };
  } finally {
    await client.close();
  }
}

async function restoreOffline(to: string): Promise<void> {
  const repository = join(home.data, 'repository');
  const restore = home.run(['restore', '--repository', repository, '--to', to]);
  expect(await restore.ended).toMatchObject({ status: 0 });
}

test('it backs up, says what comes next, stays, and Ctrl-C ends everything with 0', async () => {
  const up = await upAndStaying();
  tellMeasured('reeve up, to the first completed backup', performance.now() - up.startedAt);
  expect(performance.now() - up.startedAt).toBeLessThan(promisedMs);
  expect(up.stdout).toMatch(/reeve restore --plan source --to DIR/);
  expect(up.stderr).toContain('is on the same disk as');
  const completed = { state: 'completed', context: { result: { bytes: 2_000_000 } } };
  expect(await newestBackup(up)).toMatchObject(completed);
  // Its server is kept running, and found where it was.
  const [{ pid = 0 } = {}, ...others] = home.servers();
  expect(others).toEqual([]);
  process.kill(pid, 'SIGKILL');
  await up.said(`nats-server (pid ${pid}) has ended; it is started again`);
  expect(await eventually('it answers', () => newestBackup(up).catch(() => undefined))).toMatchObject(completed);
  expect(home.servers()).toHaveLength(1);

  expect(await up.interrupt()).toMatchObject({ status: 0, signal: null });
  expect(home.processes()).toEqual([]);
  const to = join(home.directory, 'restored');
  await restoreOffline(to);
  expect(describeTree(to)).toEqual(describeTree(home.source));
});

test('the next start uses what is there: it backs up again and stores almost nothing', async () => {
  await (await upAndStaying()).interrupt();
  const up = await upAndStaying();
  const { state, context } = await newestBackup(up);
  expect({ state, bytesStored: context.result.bytesStored }).toEqual({ state: 'completed', bytesStored: 0 });
  expect((await up.interrupt()).status).toBe(0);
});

test('killed, it leaves its server, which the next start uses and ends', async () => {
  const first = await upAndStaying();
  first.signal('SIGKILL');
  await first.ended;
  const [left, ...others] = home.servers();
  expect(others).toEqual([]);
  const up = await upAndStaying();
  expect(up.stderr).toContain(`still runs at`);
  expect(home.servers().map(({ pid }) => pid)).toEqual([left?.pid]);
  expect((await up.interrupt()).status).toBe(0);
  expect(home.processes()).toEqual([]);
});

test('a second one on the same data directory is told so, and disturbs nothing', async () => {
  const first = await upAndStaying();
  const before = home.processes().map(({ pid }) => pid);
  const second = await home.run(['up', home.source]).ended;
  expect(second).toMatchObject({ status: 1, stdout: '' });
  expect(second.stderr).toContain(`another reeve up has the data directory ${home.data}`);
  expect(home.processes().map(({ pid }) => pid)).toEqual(before);
  expect(await newestBackup(first)).toMatchObject({ state: 'completed' });
  expect((await first.interrupt()).status).toBe(0);
});

test('two that start at once: one runs, one is told, and the server is there for the one', async () => {
  const both = [home.run(['up', home.source]), home.run(['up', home.source])];
  const told = await Promise.any(both.map(async each => [each, await each.ended] as const));
  expect(told[1]).toMatchObject({ status: 1 });
  expect(told[1].stderr).toContain('another reeve up has the data directory');
  const other = both.find(each => each !== told[0]) as UpProcess;
  await other.said(stays);
  expect(await newestBackup(other)).toMatchObject({ state: 'completed' });
  expect(home.servers()).toHaveLength(1);
  expect((await other.interrupt()).status).toBe(0);
});

test('with --nats it starts no server, and two plans of one name do not mix', async () => {
  const server = await startNatsServer();
  try {
    const other = join(home.directory, 'other', 'source');
    mkdirSync(other, { recursive: true });
    writeFileSync(join(other, 'another'), 'x');
    const up = await upAndStaying([home.source, '--nats', server.url]);
    expect(home.servers()).toEqual([]);
    const data = join(home.directory, 'second');
    const taken = await home.run(['up', other, '--nats', server.url, '--data', data]).ended;
    expect(taken.status).toBe(1);
    expect(taken.stderr).toMatch(/an agent named .* is there already: process \d+/);
    expect((await up.interrupt()).status).toBe(0);
    const again = await upAndStaying([other, '--nats', server.url]);
    const client = await connectClient({ url: server.url });
    const plans = (await client.request('plan.list')).plans as { name: string; engine: { path: string } }[];
    await client.close();
    expect(plans.map(({ engine }) => engine.path).sort()).toEqual([home.source, other].sort());
    expect((await again.interrupt()).status).toBe(0);
    expect(server.pid).toBeDefined();
  } finally {
    await server.stop();
  }
});

test('the data directory is never in its own backup', async () => {
  const data = join(home.source, 'in the middle', 'reeve');
  const up = await upAndStaying([home.source, '--data', data]);
  expect(await newestBackup(up)).toMatchObject({ state: 'completed', context: { result: { bytes: 2_000_000 } } });
  expect((await up.interrupt()).status).toBe(0);
  const to = join(home.directory, 'restored');
  const repository = join(data, 'repository');
  expect((await home.run(['restore', '--repository', repository, '--to', to]).ended).status).toBe(0);
  expect([...describeTree(to).keys()]).toEqual(['', ...[0, 1, 2, 3, 4].map(index => `file-${index}`), 'in the middle']);
});

test('SIGTERM during the first backup ends it at once, and the next start goes on', async () => {
  for (let index = 0; index < 40; index += 1)
    writeFileSync(join(home.source, `more-${index}`), noise(3_000_000, `more ${index}`));
  const up = home.run(['up', home.source]);
  await up.said('transferring');
  const since = performance.now();
  up.signal('SIGTERM');
  expect((await up.ended).status).toBe(0);
  tellMeasured('SIGTERM to reeve up with its first backup running, to the exit', performance.now() - since);
  expect(performance.now() - since).toBeLessThan(25_000);
  expect(home.processes()).toEqual([]);
  const again = await upAndStaying();
  const client = await connectClient({ url: urlOf(again) });
  const runs = (await client.request('backup.list')).backups as { state: string }[];
  await client.close();
  expect(runs.map(({ state }) => state)).toEqual(['completed', 'completed']);
  expect((await again.interrupt()).status).toBe(0);
});

test('Ctrl-C again ends it at once, with its engine and its server', async () => {
  const up = home.run(['up', home.source], { REEVE_FAILPOINTS: 'frame.before-write=stop@1' });
  await up.said('transferring');
  await eventually('a stopped engine', () => home.processes().some(({ state }) => state === 'T'));
  up.signal('SIGINT');
  await up.said('again to end at once');
  const since = performance.now();
  expect((await up.interrupt()).status).toBe(1);
  expect(performance.now() - since).toBeLessThan(3_000);
  await eventually('no process', () => home.processes().length === 0);
});

test('a path that is not there, or is no directory, is wrong usage, and leaves nothing behind', async () => {
  const besideTheCache = () => readdirSync(home.directory).filter(name => name !== 'cache');
  const before = besideTheCache();
  for (const [path, why] of [
    [join(home.directory, 'nowhere'), 'is not there'],
    [join(home.source, 'file-0'), 'is not a directory'],
  ] as const) {
    const { status, stdout, stderr } = await home.run(['up', path]).ended;
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(`${path} ${why}`);
  }
  expect(besideTheCache()).toEqual(before);
  expect(home.processes()).toEqual([]);
});

test('a data directory that cannot be made is told', async () => {
  const { status, stderr } = await home.run(['up', home.source, '--data', join(home.source, 'file-0')]).ended;
  expect(status).toBe(1);
  expect(stderr).toMatch(/the data directory .*file-0 cannot be written to \(EEXIST\)\n {2}name another with --data/);
});

test('without a nats-server anywhere it says how to get one, and leaves no process', async () => {
  const nowhere = { PATH: home.source, NODE_USE_ENV_PROXY: '1', HTTPS_PROXY: 'http://127.0.0.1:1' };
  const { status, stdout, stderr } = await home.run(['up', home.source], nowhere).ended;
  expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
  expect(stderr).toContain('there is no nats-server on PATH, and none could be fetched');
  expect(stderr).toContain('install nats-server');
  expect(home.processes()).toEqual([]);
});
