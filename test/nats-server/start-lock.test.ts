import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withStartLock } from '../../src/nats-server/start-lock.ts';
import { identityOf } from '../../src/runner/process-identity.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'reeve-lock-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

test('one holds it at a time, and each gets its turn', async () => {
  let inside = 0;
  let most = 0;
  const turn = (): Promise<void> =>
    withStartLock(directory, { withinMs: 30_000 }, async () => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise(resolve => setImmediate(resolve));
      inside -= 1;
    });
  await Promise.all(Array.from({ length: 20 }, turn));
  expect(most).toBe(1);
  expect((await readdir(directory)).length).toBeLessThanOrEqual(3);
});

test('a holder that throws lets go', async () => {
  const failed = withStartLock(directory, { withinMs: 100 }, () => Promise.reject(new Error('no')));
  await expect(failed).rejects.toThrow('no');
  expect(await withStartLock(directory, { withinMs: 100 }, async () => 'mine')).toBe('mine');
});

test('one that a living process holds is waited for, and then refused by name', async () => {
  await writeFile(join(directory, 'start.lock.7'), JSON.stringify(identityOf(process.pid)));
  const refused = withStartLock(directory, { withinMs: 50 }, async () => 'mine');
  await expect(refused).rejects.toMatchObject({ failure: { code: 'nats-server-busy' } });
});

test.each([
  ['of a process that died', async () => JSON.stringify(await identityOfTheDead())],
  ['of a process whose pid another has', async () => JSON.stringify({ ...identityOf(process.pid), startTime: '1' })],
  ['of the boot before', async () => JSON.stringify({ ...identityOf(process.pid), bootId: 'before' })],
  ['that a power failure emptied', async () => ''],
])('one %s is taken over by one of many', async (_, content) => {
  await writeFile(join(directory, 'start.lock.7'), await content());
  let inside = 0;
  const turn = (): Promise<number> => withStartLock(directory, { withinMs: 10_000 }, async () => ++inside);
  expect((await Promise.all([turn(), turn(), turn()])).sort()).toEqual([1, 2, 3]);
});

async function identityOfTheDead() {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  const identity = identityOf(child.pid ?? 0);
  child.kill('SIGKILL');
  await once(child, 'exit');
  return identity;
}
