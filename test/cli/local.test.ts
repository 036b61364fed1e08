import { afterEach, beforeEach, expect, test } from 'vitest';
import { isAlive } from '../../src/runner/process-identity.ts';
import { readExit } from '../../src/runner/run-files.ts';
import { TestRun } from '../runner/runs.ts';
import { reeve } from './run-reeve.ts';

let run: TestRun;
beforeEach(async () => {
  run = await TestRun.open();
});
afterEach(() => run.close());

/** A server that is not there: nothing here may need it. */
const local = (...words: string[]) =>
  reeve(['local', ...words], { variables: { REEVE_NATS_URL: 'nats://127.0.0.1:1' } });

test('a run whose agent is gone is listed and cancelled with proof, without NATS', async () => {
  const deaf = 'process.on("SIGTERM", () => {}); console.log("ready"); setInterval(() => {}, 1e6)';
  const { engine, directory } = await run.startAndKill(deaf, { graceMs: 1_000 });
  const listed = await local('ps', '--data', run.data, '-o', 'json');
  expect(listed.status).toBe(0);
  const idle = { id: 'run-1', state: 'idle', pid: null, startedAt: null, exit: null };
  const running = { id: 'inner', state: 'running', pid: engine.pid, startedAt: expect.any(String), exit: null };
  expect(JSON.parse(listed.stdout)).toEqual({ ok: true, runs: [running, idle] });

  const cancelled = await local('cancel', 'inner', '--data', run.data);
  expect(cancelled).toMatchObject({ status: 0, stdout: expect.stringContaining('no process of inner is left') });
  expect(isAlive(engine)).toBe(false);
  expect(run.processes()).toEqual([]);
  expect(readExit(directory.path)).toMatchObject({ signal: 'SIGKILL', why: 'cancel' });
  expect((await local('ps', '--data', run.data)).stdout).toMatch(/inner +ended +\d+ +\d+s +cancel/);
  expect((await local('cancel', 'inner', '--data', run.data)).status).toBe(0);
});

test('what is not there is refused by name', async () => {
  const missing = await local('cancel', 'nothing', '--data', run.data);
  expect(missing).toMatchObject({ status: 1, stderr: expect.stringContaining('no engine of a run nothing') });
  expect((await local('cancel', '../x', '--data', run.data)).status).toBe(1);
  expect(await local('ps', '--data', '/nowhere')).toMatchObject({ status: 2 });
  expect((await local('ps')).status).toBe(2);
});
