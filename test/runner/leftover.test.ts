import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { engineIdentity, stopLeftover } from '../../src/runner/engine-process.ts';
import { identityOf, isAlive, type ProcessIdentity } from '../../src/runner/process-identity.ts';
import { readBootId } from '../../src/runner/process-table.ts';
import { RunDirectory } from '../../src/runner/run-directory.ts';
import { runnerVersion, writeStartFile } from '../../src/runner/run-files.ts';
import { eventually } from '../support/eventually.ts';
import { TestRun } from './runs.ts';

let run: TestRun;

beforeEach(async () => {
  run = await TestRun.open();
});

afterEach(async () => {
  await run.close();
});

test('an engine that outlived its killed agent is stopped by its directory', async () => {
  const script = 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1e6); console.log("ready")';
  const { engine, directory } = await run.startAndKill(script);
  expect(isAlive(engine)).toBe(true);
  expect(await engineIdentity(directory)).toEqual(engine);
  expect(await stopLeftover(directory, { graceMs: 100 })).toMatchObject({ gone: true });
  expect(isAlive(engine)).toBe(false);
  expect(await stopLeftover(directory, { graceMs: 100 })).toMatchObject({ gone: true });
});

/** A start of which nobody knows more than that it was to be. */
async function begun(): Promise<void> {
  const at = new Date().toISOString();
  const file = { version: runnerVersion, token: run.token, start: 'the-start', bootId: readBootId(), at };
  await writeStartFile(run.directory.path, { ...file, command: ['sleep', '60'] });
}

async function named(engine: ProcessIdentity, bootId = engine.bootId): Promise<void> {
  await begun();
  const file = { version: runnerVersion, token: run.token };
  const nobody = { bootId, pid: 4_000_000, startTime: '1' };
  const runner = { ...file, start: 'the-start', runner: nobody, watcher: nobody };
  await writeFile(join(run.directory.path, 'run.json'), JSON.stringify(runner));
  await writeFile(join(run.directory.path, 'engine.json'), JSON.stringify({ ...file, identity: engine }));
}

test('an engine that was never named is found by its token', async () => {
  const child = spawn('sleep', ['60'], {
    detached: true,
    env: { ...process.env, REEVE_RUN: run.token },
    stdio: 'ignore',
  });
  const identity = await eventually('it runs', () => identityOf(child.pid ?? 0));
  await begun();
  await mkdir(join(run.directory.path, 'claim-the-start'));
  expect(await stopLeftover(run.directory, { graceMs: 100 })).toMatchObject({ gone: true });
  expect(isAlive(identity)).toBe(false);
});

test('a start that its runner has not begun when it is looked for never happens, and nobody waits for it again', async () => {
  await begun();
  for (let look = 0; look < 2; look += 1) {
    const since = performance.now();
    expect(await stopLeftover(run.directory, { graceMs: 100 })).toMatchObject({ gone: true });
    expect(performance.now() - since).toBeLessThan(2_000);
  }
  const script = join(import.meta.dirname, '..', '..', 'src', 'runner', 'runner.sh');
  const late = spawn('/bin/sh', [script, run.directory.path, run.token, 'the-start', '', 'touch', 'ran'], {
    cwd: run.directory.path,
    stdio: 'ignore',
  });
  expect(await once(late, 'exit')).toEqual([75, null]);
  expect(await readdir(run.directory.path)).not.toContain('ran');
});

test('a process that got the pid of an engine that is gone is not touched', async () => {
  const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
  const identity = await eventually('it runs', () => identityOf(child.pid ?? 0));
  for (const former of [
    { ...identity, startTime: '1' },
    { ...identity, bootId: 'the boot before' },
  ]) {
    await named(former);
    expect(await stopLeftover(run.directory, { graceMs: 100 })).toMatchObject({ gone: true });
    expect(isAlive(identity)).toBe(true);
  }
  child.kill('SIGKILL');
});

test('a directory without a file, or with a torn one, has nothing left', async () => {
  expect(await stopLeftover(run.directory, { graceMs: 100 })).toMatchObject({ gone: true });
  await writeFile(join(run.directory.path, 'start.json'), '{"version": 1, "tok');
  expect(await stopLeftover(run.directory, { graceMs: 100 })).toMatchObject({ gone: true });
  expect(await stopLeftover(new RunDirectory(run.data, 'never'), { graceMs: 100 })).toMatchObject({ gone: true });
});
