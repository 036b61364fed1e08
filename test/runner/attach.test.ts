import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Attached, attachEngine } from '../../src/runner/attach.ts';
import type { EngineListener } from '../../src/runner/engine-process.ts';
import { isAlive } from '../../src/runner/process-identity.ts';
import type { RunDirectory } from '../../src/runner/run-directory.ts';
import { eventually } from '../support/eventually.ts';
import { TestRun } from './runs.ts';

let run: TestRun;
let lines: string[];
const listener: EngineListener = { onLine: line => void lines.push(line) };

beforeEach(async () => {
  lines = [];
  run = await TestRun.open();
});

afterEach(async () => {
  await run.close();
});

/** Says a number now and then, and ends with status 7 once it has said this one. */
const counts = (to: number) =>
  `console.log("ready"); let n = 0; setInterval(() => { console.log(n); if (n++ === ${to}) process.exit(7); }, 50)`;

async function attached<Found extends Attached['found']>(directory: RunDirectory, found: Found) {
  const answer = await attachEngine(directory, listener);
  expect(answer.found).toBe(found);
  return answer as Extract<Attached, { found: Found }>;
}

/** Changes what a file of the run says. */
function forge(directory: RunDirectory, name: string, change: (file: Record<string, never>) => object): void {
  const path = join(directory.path, name);
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...change({}) }));
}

function fileOf(directory: RunDirectory, name: string) {
  return JSON.parse(readFileSync(join(directory.path, name), 'utf8'));
}

test('an agent that comes back follows the same process, hears its lines from the start, and learns how it ended', async () => {
  const { engine, directory } = await run.startAndKill(counts(40));
  const { process: followed } = await attached(directory, 'alive');
  expect(followed.pid).toBe(engine.pid);
  expect(followed.members()).toEqual([engine.pid]);
  expect(await followed.ended).toEqual({ code: 7, signal: null, why: null, oomKilled: false });
  expect(lines).toEqual(['ready', ...Array.from({ length: 41 }, (_, index) => String(index))]);
});

test('what ended meanwhile is found with its lines and its status', async () => {
  const { directory } = await run.startAndKill(counts(3));
  await eventually('it ended', () => run.processes().length === 0);
  const { end } = await attached(directory, 'ended');
  expect(end).toEqual({ code: 7, signal: null, why: null, oomKilled: false });
  expect(lines).toEqual(['ready', '0', '1', '2', '3']);
});

test('an engine that is found can be stopped, and is then gone for whoever comes next', async () => {
  const { directory } = await run.startAndKill(
    'process.on("SIGTERM", () => {}); console.log("ready"); setInterval(() => {}, 1e6)',
  );
  const { process: followed } = await attached(directory, 'alive');
  expect(await followed.stop({ graceMs: 200 })).toMatchObject({ gone: true });
  expect(await followed.ended).toMatchObject({ code: null, signal: 'SIGKILL' });
  await attached(directory, 'gone');
});

test('where the runner was killed the engine is followed to an end that nobody knows', async () => {
  const { directory } = await run.startAndKill(counts(30));
  process.kill(fileOf(directory, 'run.json').runner.pid, 'SIGKILL');
  const { process: followed } = await attached(directory, 'alive');
  expect(await followed.ended).toEqual({ code: null, signal: null, why: null, oomKilled: false });
  expect(lines.at(-1)).toBe('30');
  await attached(directory, 'gone');
});

test('an engine that was killed together with its runner is gone', async () => {
  const { engine, directory } = await run.startAndKill(counts(1e6));
  process.kill(fileOf(directory, 'run.json').runner.pid, 'SIGKILL');
  process.kill(engine.pid, 'SIGKILL');
  await eventually('it is gone', () => !isAlive(engine));
  await attached(directory, 'gone');
});

test('a process under the pid of the engine that is not it is not followed, nor signalled', async () => {
  const { engine, directory } = await run.startAndKill(counts(1e6));
  const { runner } = fileOf(directory, 'run.json');
  const { identity } = fileOf(directory, 'engine.json');
  // The runner as a process that is gone, the engine as one whose pid another process has now.
  forge(directory, 'run.json', () => ({ runner: { ...runner, startTime: '1' } }));
  forge(directory, 'engine.json', () => ({ identity: { ...identity, startTime: '1' } }));
  await attached(directory, 'gone');
  expect(isAlive(engine)).toBe(true);
  forge(directory, 'engine.json', () => ({ identity, token: 'of-another-run' }));
  await attached(directory, 'gone');
  expect(isAlive(engine)).toBe(true);
  forge(directory, 'engine.json', () => ({ token: `${run.token}-inner` }));
  forge(directory, 'run.json', () => ({ runner }));
  await attached(directory, 'alive').then(({ process: found }) => found.stop({ graceMs: 0 }));
});

test('after a boot of the host it says so, unless the end was recorded before', async () => {
  const { engine, directory } = await run.startAndKill(counts(20));
  const before = 'the boot before';
  const { identity } = fileOf(directory, 'engine.json');
  const { runner, watcher } = fileOf(directory, 'run.json');
  const start = fileOf(directory, 'start.json');
  forge(directory, 'start.json', () => ({ bootId: before }));
  forge(directory, 'engine.json', () => ({ identity: { ...identity, bootId: before } }));
  forge(directory, 'run.json', () => ({
    runner: { ...runner, bootId: before },
    watcher: { ...watcher, bootId: before },
  }));
  await attached(directory, 'rebooted');
  expect(isAlive(engine)).toBe(true);
  await eventually('it ended', () => run.processes().length === 0);
  expect((await attached(directory, 'ended')).end).toMatchObject({ code: 7 });
  forge(directory, 'start.json', () => start);
});

test('a directory without a start has nothing', async () => {
  await attached(run.directory, 'gone');
});

test('a runner whose version is one away is followed, and no other', async () => {
  const { engine, directory } = await run.startAndKill(counts(1e6));
  const { version } = fileOf(directory, 'run.json');
  forge(directory, 'run.json', () => ({ version: version + 2 }));
  await attached(directory, 'gone');
  forge(directory, 'run.json', () => ({ version: version + 1 }));
  const { process: followed } = await attached(directory, 'alive');
  expect(followed.pid).toBe(engine.pid);
  await followed.stop({ graceMs: 0 });
});

test('twenty engines at once are followed to their ends, each its own', async () => {
  const many = await Promise.all(Array.from({ length: 20 }, () => TestRun.open()));
  try {
    const ends = many.map(async (each, index) => {
      const engine = await each.start(`console.log(${index}); setTimeout(() => process.exit(${index}), 500)`);
      return { ...(await engine.ended), lines: each.lines };
    });
    expect(await Promise.all(ends)).toMatchObject(many.map((_, index) => ({ code: index, lines: [String(index)] })));
  } finally {
    for (const each of many) await each.close();
  }
});
