import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { fakeCluster } from './fake-cluster.ts';
import { wireRecord } from './fake-service.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const cluster = fakeCluster();
const directory = mkdtempSync(join(tmpdir(), 'reeve-main-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Starts the command as a process of its own. */
function start(words: string[], url = cluster.server.url) {
  const child = spawn(process.execPath, [main, ...words], { env: { ...process.env, REEVE_NATS_URL: url } });
  const text = { stdout: '', stderr: '' };
  child.stdout.on('data', chunk => {
    text.stdout += chunk;
  });
  child.stderr.on('data', chunk => {
    text.stderr += chunk;
  });
  const ended = once(child, 'close').then(([status]: unknown[]) => ({ status, ...text }));
  return { child, text, ended };
}

test('a process ends by itself with the status of its command', async () => {
  cluster.service.answers({
    'backup.start': () => ({ id: 'photos-1' }),
    'actor.get': () => ({ actor: wireRecord({ state: 'lost', final: true }) }),
  });
  expect(await start(['backup', 'photos', '--wait', '--timeout', '1h']).ended).toMatchObject({
    status: 4,
    stdout: 'photos-1\n',
  });
});

test('NATS away ends a process with 3', async () => {
  const ran = await start(['ps', '-o', 'json'], `nats://127.0.0.1:${await freePort()}`).ended;
  expect(ran.status).toBe(3);
  expect(JSON.parse(ran.stdout)).toMatchObject({ ok: false });
});

test('Ctrl-C on --wait ends the process, leaves the run going, and says so', async () => {
  cluster.service.answers({ 'backup.start': () => ({ id: 'photos-1' }), 'actor.get': () => ({ actor: wireRecord() }) });
  const { child, text, ended } = start(['backup', 'photos', '--wait']);
  await eventually('the wait', () => text.stderr.includes('transferring'));
  child.kill('SIGINT');
  const ran = await ended;
  expect(ran.status).toBe(6);
  expect(ran.stderr).toContain('backup photos-1 goes on');
  expect(cluster.service.asked.map(([command]) => command)).not.toContain('backup.cancel');
});

test.each([
  ['agent', '--name', 'here', '--http', '127.0.0.1:0'],
  ['up', directory, '--http', '127.0.0.1:0'],
])('a password in the URL is not shown while %s waits for NATS', async (...words) => {
  const url = `nats://me:secret@127.0.0.1:${await freePort()}`;
  const { child, text, ended } = start([...words, '--data', join(directory, words[0] as string)], url);
  await eventually('the wait', () => `${text.stdout}${text.stderr}`.includes('waiting for NATS at nats://127.0.0.1:'));
  child.kill('SIGTERM');
  const { status, stdout, stderr } = await ended;
  expect(status).toBe(0);
  expect(`${stdout}${stderr}`).not.toContain('secret');
});

test('a reader that goes away ends the process quietly', async () => {
  const { child, text, ended } = start(['watch', '-o', 'json']);
  await eventually('the watch', () => text.stderr.includes('watching'));
  child.stdout.destroy();
  const flood = setInterval(() => cluster.service.tell('reeve.event.backup.photos-1', wireRecord()), 20);
  const { status, stderr } = await ended;
  clearInterval(flood);
  expect(status).toBe(0);
  expect(stderr).not.toContain('EPIPE');
});
