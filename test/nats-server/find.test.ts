import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { FailureError } from '../../src/core/failure.ts';
import { cacheDirectory } from '../../src/nats-server/cache.ts';
import { findNatsServer, type Search } from '../../src/nats-server/find.ts';
import { findNatsServer as realNatsServer } from '../support/nats-server.ts';

const stem = 'nats-server-v9.9.9-linux-amd64';
let directory: string;
let cache: string;
let server: Server;
let answer: RequestListener;
const asked: (string | undefined)[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'reeve-find-'));
  cache = join(directory, 'cache');
  asked.length = 0;
  server = createServer((request, response) => {
    asked.push(request.url);
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(directory, { recursive: true, force: true });
});

/** A program that says what `nats-server --version` says. */
const fake = (version: string): string => `#!/bin/sh\necho "nats-server: v${version}"\n`;

async function putFake(where: string, version: string): Promise<string> {
  await mkdir(where, { recursive: true });
  const path = join(where, 'nats-server');
  await writeFile(path, fake(version));
  await chmod(path, 0o755);
  return path;
}

/** A .tar.gz as the releases are: a directory, a text, and the binary. */
function archiveOf(binary: string | Buffer, name = `${stem}/nats-server`): Buffer {
  const entries: [string, Buffer, string][] = [
    [`${stem}/`, Buffer.alloc(0), '5'],
    [`${stem}/README.md`, Buffer.from('read me'), '0'],
    [name, Buffer.from(binary), '0'],
  ];
  const blocks = entries.flatMap(([path, content, type]) => {
    const header = Buffer.alloc(512);
    header.write(path, 0);
    header.write(`${content.length.toString(8).padStart(11, '0')} `, 124);
    header.write(type, 156);
    return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1_024)]));
}

const sumOf = (archive: Buffer): string => createHash('sha256').update(archive).digest('hex');

/** A search that has nothing but the local release, whose archive should have this sum. */
function search(sum: string, more: Partial<Search> & { timeoutMs?: number } = {}): Search {
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const base = `http://127.0.0.1:${port}/download`;
  return {
    variables: { PATH: join(directory, 'empty'), REEVE_CACHE: cache },
    platform: 'linux',
    isRoot: false,
    ...more,
    release: {
      base,
      version: '9.9.9',
      sums: { 'linux-amd64': sum },
      architecture: 'amd64',
      timeoutMs: more.timeoutMs ?? 10_000,
    },
  };
}

async function failureOf(found: Promise<unknown>): Promise<FailureError['failure']> {
  const error = await found.then(
    () => undefined,
    (reason: unknown) => reason as FailureError,
  );
  expect(error?.failure).toMatchObject({ code: 'nats-server-missing' });
  return error?.failure as FailureError['failure'];
}

const leftInCache = async (): Promise<string[]> => readdir(cache).catch(() => []);

test('one on PATH comes first, and one that is too old or broken is passed over', async () => {
  const old = join(directory, 'old');
  const broken = join(directory, 'broken');
  const good = join(directory, 'good');
  await putFake(old, '2.8.4');
  await writeFile(await putFake(broken, '2.10.0'), '#!/bin/sh\nexit 1\n');
  const path = await putFake(good, '2.10.4');
  await putFake(cache, '2.11.0');
  const said: string[] = [];
  const variables = { PATH: ['relative', old, broken, good].join(':'), REEVE_CACHE: cache };
  const found = await findNatsServer({ ...search(''), variables, log: line => said.push(line) });
  expect(found).toEqual({ path, version: '2.10.4', from: 'path' });
  expect(said).toEqual([`${old}/nats-server is 2.8.4, older than 2.9.0`, `${broken}/nats-server does not run`]);
});

test('one in the cache comes before anything is fetched', async () => {
  const path = await putFake(cache, '2.11.0');
  expect(await findNatsServer(search(''))).toEqual({ path, version: '2.11.0', from: 'cache' });
  expect(asked).toEqual([]);
});

test('the official release is fetched, checked, unpacked into the cache, and found there the next time', async () => {
  const archive = archiveOf(fake('9.9.9'));
  answer = (_, response) => response.end(archive);
  const path = join(cache, 'nats-server');
  expect(await findNatsServer(search(sumOf(archive)))).toEqual({ path, version: '9.9.9', from: 'release' });
  expect(asked).toEqual([`/download/v9.9.9/${stem}.tar.gz`]);
  expect(await leftInCache()).toEqual(['nats-server']);
  expect(await findNatsServer(search(''))).toMatchObject({ from: 'cache' });
});

test('a real nats-server comes out of an archive whole', async () => {
  const binary = await readFile(await realNatsServer());
  const archive = archiveOf(binary);
  answer = (_, response) => response.end(archive);
  await findNatsServer(search(sumOf(archive)));
  expect((await readFile(join(cache, 'nats-server'))).equals(binary)).toBe(true);
});

test('two who fetch at once both end with a whole one', async () => {
  const archive = archiveOf(fake('9.9.9'));
  answer = (_, response) => response.end(archive);
  const both = await Promise.all([findNatsServer(search(sumOf(archive))), findNatsServer(search(sumOf(archive)))]);
  expect(both.map(found => found.version)).toEqual(['9.9.9', '9.9.9']);
  expect(await leftInCache()).toEqual(['nats-server']);
});

test('an archive that is not what was published is refused, and nothing is left of it', async () => {
  const archive = archiveOf(fake('9.9.9'));
  answer = (_, response) => response.end(archiveOf(fake('6.6.6')));
  const failure = await failureOf(findNatsServer(search(sumOf(archive))));
  expect(failure.message).toContain('is not what was published');
  expect(await leftInCache()).toEqual([]);
});

test('a download that breaks off is refused, and nothing is left of it', async () => {
  const archive = archiveOf(fake('9.9.9'));
  answer = (_, response) => {
    response.writeHead(200, { 'content-length': archive.length });
    response.write(archive.subarray(0, 100), () => response.destroy());
  };
  const failure = await failureOf(findNatsServer(search(sumOf(archive))));
  expect(failure.message).toContain('cannot fetch');
  expect(await leftInCache()).toEqual([]);
});

test('a download that stops half way ends at its timeout', async () => {
  const archive = archiveOf(fake('9.9.9'));
  answer = (_, response) => {
    response.writeHead(200, { 'content-length': archive.length });
    response.write(archive.subarray(0, 100));
  };
  const failure = await failureOf(findNatsServer(search(sumOf(archive), { timeoutMs: 200 })));
  expect(failure.message).toContain('not whole within 200 ms');
});

test('an archive without the binary is refused by name', async () => {
  const archive = archiveOf(fake('9.9.9'), `${stem}/something-else`);
  answer = (_, response) => response.end(archive);
  const failure = await failureOf(findNatsServer(search(sumOf(archive))));
  expect(failure.message).toContain(`no whole ${stem}/nats-server`);
  expect(await leftInCache()).toEqual([]);
});

test('where nothing helps, one error says what was tried and how to get one', async () => {
  answer = (_, response) => response.writeHead(404).end();
  const failure = await failureOf(findNatsServer(search('')));
  expect(failure.message).toContain('it answered 404');
  expect(failure.hint).toContain('apt install nats-server');
  expect(failure.hint).toContain('--nats');
});

test('a platform whose archive is not known is said so, and nothing is asked', async () => {
  const failure = await failureOf(findNatsServer(search('', { platform: 'freebsd' })));
  expect(failure.message).toContain('no release of nats-server is known for freebsd-amd64');
  expect(asked).toEqual([]);
});

test.runIf(process.env.CI === 'true' && process.getuid?.() === 0)("root gets Debian's package", async () => {
  const variables = { PATH: '/usr/bin:/bin', REEVE_CACHE: cache };
  const found = await findNatsServer({ ...search(''), variables, isRoot: true });
  expect(found).toMatchObject({ path: join(cache, 'nats-server'), from: 'debian' });
  expect(await leftInCache()).toEqual(['nats-server']);
});

test('the cache is where the platform keeps such things, and REEVE_CACHE names another place', () => {
  expect(cacheDirectory({ HOME: '/home/me' }, 'linux')).toBe('/home/me/.cache/reeve');
  expect(cacheDirectory({ HOME: '/Users/me' }, 'darwin')).toBe('/Users/me/Library/Caches/reeve');
  expect(cacheDirectory({ HOME: '/home/me', XDG_CACHE_HOME: '/cache' }, 'linux')).toBe('/cache/reeve');
  expect(cacheDirectory({ HOME: '/home/me', REEVE_CACHE: '/own' }, 'linux')).toBe('/own');
});
