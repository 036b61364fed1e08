import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EngineRuns } from '../../../src/actors/runs/engine-runs.ts';
import { filesStep } from '../../../src/engines/files/engine.ts';
import type { EngineResultOf } from '../../../src/engines/files/events.ts';
import type { JobOf } from '../../../src/engines/files/job.ts';
import { hasInEnvironment, processEntries } from '../../../src/runner/process-table.ts';
import { runToken } from '../../../src/runner/run-token.ts';
import { eventually } from '../../support/eventually.ts';

let directory: string;
let runs: EngineRuns;
let told: string[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'reeve-engine-runs-'));
  await mkdir(join(directory, 'source'));
  await writeFile(join(directory, 'source', 'big'), Buffer.alloc(64 * 2 ** 20, randomUUID()));
  told = [];
  runs = new EngineRuns({ data: data(), onProgress: (_, id) => told.push(id) });
});

afterEach(async () => {
  await runs.killAll();
  await rm(directory, { recursive: true, force: true });
});

function job(run: string): JobOf<'backup'> {
  return {
    task: 'backup',
    run,
    plan: 'big',
    source: { path: join(directory, 'source') },
    repository: join(directory, 'repository'),
    excludeDirs: [],
    tolerate: { vanished: 'any', changed: 'any', unreadable: 0 },
    guard: { minFiles: 1, maxShrinkPercent: 50 },
    previous: null,
  };
}

/** One backup of the source, as a run asks for it. */
async function backUp(
  id: string,
  key: string,
  signal: AbortSignal,
  by = runs,
  bytesPerSecond = 0,
): Promise<EngineResultOf<'backup'>> {
  const step = filesStep(
    { directory: await by.directory(id) },
    { ...job(id), bytesPerSecond },
    (result: EngineResultOf<'backup'>) => result,
  );
  return await by.run({ id, kind: 'backup', key }, step, signal);
}

async function reattach(id: string, key: string, by: EngineRuns) {
  const step = filesStep({ directory: await by.directory(id) }, job(id), () => undefined);
  return await by.reattach({ id, kind: 'backup', key }, step);
}

const nobody = new AbortController().signal;
const data = () => join(directory, 'data');

function processesOf(key: string, ofData = data()) {
  const mark = `REEVE_RUN=${runToken(ofData, key)}`;
  return processEntries().filter(({ pid }) => hasInEnvironment(pid, mark));
}

test('a run that is asked for again under its key follows the one process', async () => {
  const [one, other] = await Promise.all([backUp('a', 'a:1', nobody), backUp('a', 'a:1', nobody)]);
  expect(one).toBe(other);
  expect(one).toMatchObject({ task: 'backup', outcome: 'completed', files: 1 });
});

test('letting go of a run leaves its process, and asking again follows it', async () => {
  const leaves = new AbortController();
  const first = backUp('b', 'b:1', leaves.signal);
  leaves.abort(new Error('let go'));
  await expect(first).rejects.toThrow('let go');
  const second = await backUp('b', 'b:1', nobody);
  expect(second.outcome).toBe('completed');
});

test('a stop that comes while a run is being started leaves no process behind its word', async () => {
  for (let waits = 0; waits < 12; waits++) {
    const key = `c:${waits}`;
    const leaves = new AbortController();
    const started = backUp('c', key, leaves.signal).catch(() => undefined);
    for (let turn = 0; turn < waits; turn++) await new Promise(resolve => setImmediate(resolve));
    leaves.abort(new Error('left'));
    expect(await runs.stop('c', { graceMs: 0 })).toMatchObject({ gone: true });
    expect(processesOf(key)).toEqual([]);
    await started;
    expect(processesOf(key)).toEqual([]);
  }
});

test('what ends without a result is a transient failure that says how', async () => {
  const running = backUp('d', 'd:1', nobody);
  const ended = expect(running).rejects.toMatchObject({
    failure: { kind: 'transient', code: 'engine-failed', message: expect.stringContaining('SIGKILL') },
  });
  while (processesOf('d:1').length === 0) await new Promise(resolve => setImmediate(resolve));
  await runs.stop('d', { graceMs: 0 });
  await ended;
  await runs.forget('d');
  expect(existsSync(join(directory, 'data', 'runs', 'd'))).toBe(false);
});

/** What the last start of a run's engine left. */
const startOf = (id: string) => readdirSync(join(data(), 'runs', id)).find(name => name.startsWith('claim-'));

/** What an agent that comes next has: the same directory, and nothing else. */
const successor = (ofData = data()) => new EngineRuns({ data: ofData, onProgress: (_, id) => told.push(id) });

async function running(id: string, key: string, bytesPerSecond = 0, by = runs, ofData = data()) {
  const leaves = new AbortController();
  void backUp(id, key, leaves.signal, by, bytesPerSecond).catch(() => undefined);
  for (;;) {
    const [process] = processesOf(key, ofData);
    if (process) return process;
    await new Promise(resolve => setImmediate(resolve));
  }
}

test('a successor that is asked under the same key follows the same process to its result', async () => {
  const { pid } = await running('e', 'e:1');
  const next = successor();
  const result = backUp('e', 'e:1', nobody, next);
  await new Promise(resolve => setTimeout(resolve, 50));
  expect(processesOf('e:1').every(process => process.pid === pid)).toBe(true);
  expect(await result).toMatchObject({ task: 'backup', outcome: 'completed' });
  // The end was taken, so what is asked again is done again.
  expect(await backUp('e', 'e:1', nobody, next)).toMatchObject({ outcome: 'completed' });
});

test('a successor finds what runs, what ended and what is gone, and takes an end once it is asked for it', async () => {
  expect(await reattach('f', 'f:1', successor())).toBe('gone');
  await running('f', 'f:1');
  const next = successor();
  expect(await reattach('f', 'f:1', next)).toBe('alive');
  while (processesOf('f:1').length > 0) await new Promise(resolve => setTimeout(resolve, 10));
  const last = successor();
  const start = startOf('f');
  expect(await reattach('f', 'f:1', last)).toBe('ended');
  expect(await backUp('f', 'f:1', nobody, last)).toMatchObject({ outcome: 'completed' });
  expect(startOf('f')).toBe(start);
});

test('an end that came after a run was let go is taken by the same agent once it is asked for, and not done again', async () => {
  const leaves = new AbortController();
  const first = backUp('k', 'k:1', leaves.signal);
  while (processesOf('k:1').length === 0) await new Promise(resolve => setImmediate(resolve));
  runs.letGo('k');
  leaves.abort(new Error('let go'));
  await expect(first).rejects.toThrow('let go');
  const start = startOf('k');
  await eventually('its end is found', async () => (await reattach('k', 'k:1', runs)) === 'ended');
  expect(await backUp('k', 'k:1', nobody)).toMatchObject({ outcome: 'completed' });
  expect(startOf('k')).toBe(start);
  expect(await backUp('k', 'k:1', nobody)).toMatchObject({ outcome: 'completed' });
  expect(startOf('k')).not.toBe(start);
});

test('what a successor stopped is gone, and so is what was left of a run that is over', async () => {
  await running('g', 'g:1');
  const next = successor();
  await next.stopLeft('g');
  expect(processesOf('g:1')).toEqual([]);
  expect(await reattach('g', 'g:1', next)).toBe('gone');
  await next.stopLeft('nothing');
});

test('an agent that ends kills every engine but those that go on without it', async () => {
  const slow = 4 * 2 ** 20;
  await running('h', 'h:1', slow);
  await running('i', 'i:1', slow);
  runs.letGo('h');
  await runs.killAll();
  expect(processesOf('h:1')).not.toEqual([]);
  expect(processesOf('i:1')).toEqual([]);
  await runs.stop('h', { graceMs: 0 });
});

test('a stop leaves the engine alone that an agent of another cluster has under the same key on this host', async () => {
  const otherData = join(directory, 'other-data');
  const other = successor(otherData);
  try {
    await running('j', 'j:1', 2 ** 20);
    const { pid } = await running('j', 'j:1', 2 ** 20, other, otherData);
    expect(await runs.stop('j', { graceMs: 0 })).toMatchObject({ gone: true });
    expect(processesOf('j:1')).toEqual([]);
    expect(processesOf('j:1', otherData).map(process => process.pid)).toContain(pid);
  } finally {
    await other.killAll();
  }
});
