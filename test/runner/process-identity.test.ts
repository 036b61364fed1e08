import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { identityOf, isAlive, isProcessIdentity, signalProcess } from '../../src/runner/process-identity.ts';
import { eventually } from '../support/eventually.ts';

const children: ReturnType<typeof spawn>[] = [];

function sleeper() {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  children.push(child);
  return child;
}

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

test('a process that runs is alive, and its identity survives JSON', () => {
  const identity = identityOf(process.pid);
  const copy: unknown = JSON.parse(JSON.stringify(identity));
  expect(isProcessIdentity(copy) && isAlive(copy)).toBe(true);
});

test('a process that ended is gone', async () => {
  const child = sleeper();
  const identity = identityOf(child.pid ?? 0);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(identity && isAlive(identity)).toBe(false);
  expect(identityOf(child.pid ?? 0)).toBeUndefined();
});

test('a stopped process is alive', async () => {
  const child = sleeper();
  const identity = identityOf(child.pid ?? 0);
  child.kill('SIGSTOP');
  expect(identity && isAlive(identity)).toBe(true);
});

test('a zombie is gone', async () => {
  // The shell becomes a sleep that never asks how its child ended.
  const parent = spawn('sh', ['-c', 'sleep 0.05 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(parent);
  const [first] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(first);
  await eventually('the child is a zombie', () => identityOf(pid) === undefined);
  expect(process.kill(pid, 0)).toBe(true);
});

test('another process under the same pid is not it, and is not signalled', async () => {
  const child = sleeper();
  const identity = identityOf(child.pid ?? 0);
  if (!identity) throw new Error('the sleeper is gone');
  const former = { ...identity, startTime: '1' };
  expect(isAlive(former)).toBe(false);
  expect(signalProcess(former, 'SIGKILL')).toBe(false);
  expect(isAlive({ ...identity, bootId: 'another boot' })).toBe(false);
  expect(isAlive(identity)).toBe(true);
  expect(signalProcess(identity, 'SIGKILL')).toBe(true);
});
