import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from 'nats';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type EmbeddedServer, startEmbedded, urlOf } from '../../src/nats-server/embedded.ts';
import { versionOf } from '../../src/nats-server/version.ts';
import { identityOf, isAlive } from '../../src/runner/process-identity.ts';
import { hasInEnvironment, processEntries } from '../../src/runner/process-table.ts';
import { eventually } from '../support/eventually.ts';
import { findNatsServer } from '../support/nats-server.ts';

let binary: string;
let dataDir: string;
const started: EmbeddedServer[] = [];

beforeAll(async () => {
  binary = await findNatsServer();
});

beforeEach(async () => {
  // A name that would have to be quoted in a configuration.
  dataDir = await mkdtemp(join(tmpdir(), 'reeve "embedded" $x '));
});

afterEach(async () => {
  for (const server of started.splice(0)) await server.stop('SIGKILL');
  // What a test that failed half way left.
  for (const pid of serversOfStore()) process.kill(pid, 'SIGKILL');
  await rm(dataDir, { recursive: true, force: true });
});

async function start(more: { binary?: string; withinMs?: number } = {}): Promise<EmbeddedServer> {
  const server = await startEmbedded({ dataDir, binary, ...more });
  started.push(server);
  return server;
}

const serversOfStore = (): number[] => {
  const variable = `REEVE_NATS_STORE=${join(dataDir, 'nats')}`;
  return processEntries().flatMap(entry => (hasInEnvironment(entry.pid, variable) ? [entry.pid] : []));
};

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

function threadStates(pid: number): (string | undefined)[] {
  const tasks = readdirSync(`/proc/${pid}/task`);
  return tasks.map(task => /\) (\w)/.exec(readFileSync(`/proc/${pid}/task/${task}/stat`, 'latin1'))?.[1]);
}

/** Publishes one message into a stream, and says how many are there. */
async function storeOne(url: string): Promise<number> {
  const connection = await connect({ servers: url });
  try {
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: 'kept', subjects: ['kept'] });
    await jetstream(connection).publish('kept', 'one');
    return (await manager.streams.info('kept')).state.messages;
  } finally {
    await connection.close();
  }
}

test('it stores on loopback, in a session of its own, and its URL can be read', async () => {
  const server = await start();
  expect(server.url).toMatch(/^nats:\/\/127\.0\.0\.1:\d+$/);
  expect(server.reused).toBe(false);
  expect(await urlOf(dataDir)).toBe(server.url);
  expect(await storeOne(server.url)).toBe(1);
  const own = processEntries().find(entry => entry.pid === server.pid);
  expect(own?.session).toBe(server.pid);
  expect((await stat(join(dataDir, 'nats', 'jetstream'))).isDirectory()).toBe(true);
});

test('an acknowledged write is on disk where the server has that setting', async () => {
  await start();
  const configuration = await readFile(join(dataDir, 'nats', 'server.conf'), 'utf8');
  const hasSetting = !(await versionOf(binary))?.startsWith('2.9.');
  expect(configuration.includes('sync_interval: always')).toBe(hasSetting);
});

test('one that is there is used again, and keeps its messages and its port over a restart', async () => {
  const first = await start();
  await storeOne(first.url);
  const second = await start();
  expect(second).toMatchObject({ url: first.url, pid: first.pid, reused: true });
  await second.stop();
  await second.stop();
  expect(await urlOf(dataDir)).toBeUndefined();
  const third = await start();
  expect(third).toMatchObject({ url: first.url, reused: false });
  expect(await storeOne(third.url)).toBe(2);
});

test('a port that somebody took meanwhile is left to them', async () => {
  const first = await start();
  await first.stop();
  const thief = createServer().listen(Number(new URL(first.url).port), '127.0.0.1');
  try {
    const second = await start();
    expect(second.url).not.toBe(first.url);
    expect(await storeOne(second.url)).toBe(1);
  } finally {
    thief.close();
  }
});

test('of many that start it at once, one starts it', async () => {
  const servers = await Promise.all(Array.from({ length: 8 }, () => start()));
  expect(new Set(servers.map(server => server.pid)).size).toBe(1);
  expect(servers.filter(server => !server.reused)).toHaveLength(1);
  expect(serversOfStore()).toEqual([servers[0]?.pid]);
});

test('starters in processes of their own, some of them killed, leave one server', async () => {
  const starter = join(import.meta.dirname, 'starter.ts');
  const children = Array.from({ length: 6 }, () =>
    spawn(process.execPath, [starter, dataDir, binary], { stdio: ['ignore', 'pipe', 'inherit'] }),
  );
  await eventually('a server is there', () => serversOfStore().length > 0, 30_000);
  for (const child of children.slice(0, 3)) child.kill('SIGKILL');
  await eventually('all starters ended', () => children.every(hasEnded), 30_000);
  const server = await start();
  expect(server.reused).toBe(true);
  expect(serversOfStore()).toEqual([server.pid]);
});

test('a server whose starter died before it wrote its file is found, and used', async () => {
  const first = await start();
  await rm(join(dataDir, 'nats', 'server.json'));
  expect(await start()).toMatchObject({ pid: first.pid, url: first.url, reused: true });
});

test('a file that names a process of another boot, or one that took the pid, starts a new server', async () => {
  const first = await start();
  await first.stop();
  const path = join(dataDir, 'nats', 'server.json');
  const file = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  await writeFile(path, JSON.stringify({ ...file, identity: { ...identityOf(process.pid), startTime: '1' } }));
  expect(await urlOf(dataDir)).toBeUndefined();
  expect((await start()).reused).toBe(false);
});

test('one that does not answer is not doubled, and the error names it', async () => {
  const first = await start();
  process.kill(first.pid, 'SIGSTOP');
  await eventually('all of its threads are stopped', () => threadStates(first.pid).every(state => state === 'T'));
  const error = await start({ withinMs: 300 }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    failure: { code: 'nats-server-silent', hint: expect.stringContaining(`kill ${first.pid}`) },
  });
  expect(serversOfStore()).toEqual([first.pid]);
});

test('one that is stopped by SIGSTOP still ends', async () => {
  const first = await start();
  const identity = identityOf(first.pid);
  process.kill(first.pid, 'SIGSTOP');
  await first.stop();
  expect(identity && isAlive(identity)).toBe(false);
});

test('one that ends at once is reported with what it said', async () => {
  const broken = join(dataDir, 'broken');
  await writeFile(
    broken,
    '#!/bin/sh\n[ "$1" = --version ] && echo "nats-server: v2.10.0" && exit\necho "no luck today" >&2\nexit 1\n',
  );
  await chmod(broken, 0o755);
  const error = await start({ binary: broken }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    failure: { code: 'nats-server-not-started', message: expect.stringContaining('no luck today') },
  });
});

test('one that never answers is killed when its time is up', async () => {
  const deaf = join(dataDir, 'deaf');
  await writeFile(deaf, '#!/bin/sh\n[ "$1" = --version ] && echo "nats-server: v2.10.0" && exit\nexec sleep 60\n');
  await chmod(deaf, 0o755);
  const error = await start({ binary: deaf, withinMs: 300 }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ failure: { message: expect.stringContaining('did not answer within 300 ms') } });
  expect(serversOfStore()).toEqual([]);
});

test('where none was ever started, there is no URL', async () => {
  expect(await urlOf(join(dataDir, 'nowhere'))).toBeUndefined();
});
