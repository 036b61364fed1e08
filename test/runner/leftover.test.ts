import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeEngineFile } from '../../src/runner/engine-file.ts';
import { engineIdentity, stopLeftover } from '../../src/runner/engine-process.ts';
import { identityOf, isAlive } from '../../src/runner/process-identity.ts';
import { RunDirectory } from '../../src/runner/run-directory.ts';
import { eventually } from '../support/eventually.ts';
import { TestRun } from './runs.ts';

let run: TestRun;

beforeEach(async () => {
  run = await TestRun.open();
});

afterEach(async () => {
  await run.close();
});

test('an engine that outlived its killed agent is stopped by its file', async () => {
  const agent = join(import.meta.dirname, 'agent-with-engine.ts');
  // In a session of its own, and without the token of this test's run, as an engine of another agent is.
  const child = spawn(process.execPath, [agent, run.data, `${run.token}-inner`, 'deaf'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', chunk => {
    said += chunk;
  });
  const engine = await eventually('the engine is started', () => identityOf(Number(said)));
  child.kill('SIGKILL');
  await eventually('its agent is gone', () => child.signalCode !== null);
  expect(isAlive(engine)).toBe(true);

  const directory = new RunDirectory(run.data, 'inner');
  expect(await engineIdentity(directory)).toEqual(engine);
  expect(await stopLeftover(directory, { graceMs: 100 })).toMatchObject({ gone: true });
  expect(isAlive(engine)).toBe(false);
  expect(await stopLeftover(directory, { graceMs: 100 })).toMatchObject({ gone: true });
});

test('an engine whose agent died between its start and its file is found by its token', async () => {
  const child = spawn('sleep', ['60'], {
    detached: true,
    env: { ...process.env, REEVE_RUN: run.token },
    stdio: 'ignore',
  });
  const identity = await eventually('it runs', () => identityOf(child.pid ?? 0));
  const file = { version: 1, token: run.token, command: ['sleep', '60'], at: new Date().toISOString() } as const;
  await writeEngineFile(run.directory.path, { ...file, identity: null });
  expect(await stopLeftover(run.directory, { graceMs: 100 })).toMatchObject({ gone: true });
  expect(isAlive(identity)).toBe(false);
});

test('a process that got the pid of an engine that is gone is not touched', async () => {
  const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
  const identity = await eventually('it runs', () => identityOf(child.pid ?? 0));
  const file = { version: 1, token: run.token, command: ['sleep', '60'], at: new Date().toISOString() } as const;
  for (const former of [
    { ...identity, startTime: '1' },
    { ...identity, bootId: 'the boot before' },
  ]) {
    await writeEngineFile(run.directory.path, { ...file, identity: former });
    expect(await stopLeftover(run.directory, { graceMs: 100 })).toMatchObject({ gone: true });
    expect(isAlive(identity)).toBe(true);
  }
  child.kill('SIGKILL');
});

test('a directory without a file, or with a torn one, has nothing left', async () => {
  expect(await stopLeftover(run.directory, { graceMs: 100 })).toMatchObject({ gone: true });
  await writeFile(join(run.directory.path, 'engine.json'), '{"version": 1, "tok');
  expect(await stopLeftover(run.directory, { graceMs: 100 })).toMatchObject({ gone: true });
  expect(await stopLeftover(new RunDirectory(run.data, 'never'), { graceMs: 100 })).toMatchObject({ gone: true });
});
