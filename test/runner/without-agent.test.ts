/** Runs whose agent was killed and never comes back. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startEngine } from '../../src/runner/engine-process.ts';
import { identityOf, isAlive } from '../../src/runner/process-identity.ts';
import { writeBounds, writeCancel } from '../../src/runner/run-control.ts';
import { RunDirectory } from '../../src/runner/run-directory.ts';
import { readExit } from '../../src/runner/run-files.ts';
import { eventually } from '../support/eventually.ts';
import { dissolveLeaves, TestRun } from './runs.ts';

let run: TestRun;

beforeEach(async () => {
  run = await TestRun.open();
});

afterEach(async () => {
  await run.close();
});

const deaf = 'for (const s of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(s, () => {});';
const stays = 'setInterval(() => {}, 1e6); console.log("ready");';
/** A child in a session of its own, whose pid is written down. */
const child = (pidFile: string) =>
  `const c = require("child_process").spawn("sleep", ["60"], { detached: true, stdio: "ignore" });
   require("fs").writeFileSync(${JSON.stringify(pidFile)}, String(c.pid));`;

const inSeconds = (seconds: number) => Date.now() + seconds * 1_000;
const nothingLeft = () =>
  eventually('no process of the run is left', () => run.processes().length === 0 || undefined, 20_000);
const exitFile = (directory: RunDirectory) => JSON.parse(readFileSync(join(directory.path, 'exit.json'), 'utf8'));

const worlds: [where: string, prepare: (directory: RunDirectory) => void][] = [
  ['as it is', () => undefined],
  ['without control groups', dissolveLeaves],
];

test.each(worlds)(
  '%s: at its deadline and its grace an engine that ignores TERM is killed with all that it started',
  async (_, prepare) => {
    const pidFile = join(run.data, 'child');
    const bounds = { deadlineAt: inSeconds(2), graceMs: 1_000 };
    const { engine, directory } = await run.startAndKill(`${deaf} ${child(pidFile)} ${stays}`, bounds);
    prepare(directory);
    const grandchild = identityOf(Number(readFileSync(pidFile, 'utf8')));
    expect(grandchild && isAlive(grandchild)).toBe(true);
    await nothingLeft();
    expect(Date.now()).toBeGreaterThanOrEqual(bounds.deadlineAt + 900);
    expect(isAlive(engine)).toBe(false);
    expect(grandchild && isAlive(grandchild)).toBe(false);
    expect(exitFile(directory)).toEqual({ status: 137, why: 'deadline', oomKilled: false });
  },
);

test('a polite engine ends at its deadline with a status of its own, also while it is stopped', async () => {
  const polite = 'process.on("SIGINT", () => process.exit(9));';
  const bounds = { deadlineAt: inSeconds(2), graceMs: 30_000, signal: 'SIGINT' as const };
  const { engine, directory } = await run.startAndKill(`${polite} ${stays}`, bounds);
  process.kill(engine.pid, 'SIGSTOP');
  await nothingLeft();
  expect(exitFile(directory)).toEqual({ status: 9, why: 'deadline', oomKilled: false });
});

test('a cancel in its directory ends it, and a deadline may be moved while it runs', async () => {
  const { engine, directory } = await run.startAndKill(stays, { deadlineAt: inSeconds(2) });
  await writeBounds(directory.path, { deadlineAt: inSeconds(3_600) });
  await new Promise(resolve => setTimeout(resolve, 3_500));
  expect(isAlive(engine)).toBe(true);
  writeCancel(directory.path);
  await nothingLeft();
  expect(exitFile(directory)).toEqual({ status: 143, why: 'cancel', oomKilled: false });
});

test.each(worlds)('%s: an engine that exits and leaves a child leaves nothing', async (_, prepare) => {
  const pidFile = join(run.data, 'child');
  const script = `${child(pidFile)} console.log("ready"); setTimeout(() => process.exit(0), 1000)`;
  const { directory } = await run.startAndKill(script);
  prepare(directory);
  const left = identityOf(Number(readFileSync(pidFile, 'utf8')));
  await nothingLeft();
  expect(left && isAlive(left)).toBe(false);
  expect(exitFile(directory)).toEqual({ status: 0, why: null, oomKilled: false });
});

test('an engine that closes its outputs lives on, and its status is kept', async () => {
  const script = `${stays} require("fs").closeSync(1); require("fs").closeSync(2); setTimeout(() => process.exit(5), 1500)`;
  const { directory } = await run.startAndKill(script);
  await nothingLeft();
  expect(exitFile(directory)).toMatchObject({ status: 5, why: null });
});

/** Two seconds after its start it writes ten times of what the logs may take, and ends when the watcher has looked at that. */
const torrent = `const line = "x".repeat(1000) + "\\n"; const fs = require("fs"); setTimeout(() => {
  for (let i = 0; i < 30_000; i++) { fs.writeSync(1, line); if (i % 4 === 0) fs.writeSync(2, line); }
  fs.writeSync(2, "last"); setTimeout(() => process.exit(3), 2500); }, 2000);`;
const logBytesMax = 4 * 2 ** 20;

function expectBounded({ path, stdoutPath, stderrPath }: RunDirectory): void {
  expect(statSync(stdoutPath).size).toBeLessThanOrEqual(logBytesMax / 4);
  expect(statSync(stderrPath).size).toBeLessThanOrEqual(logBytesMax / 16);
  const sizes = readdirSync(path).map(name => lstatSync(join(path, name)).size);
  expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(logBytesMax / 2);
}

test('its logs are bounded though nobody follows them', async () => {
  const { directory } = await run.startAndKill(`${torrent} ${stays}`, { logBytesMax });
  await nothingLeft();
  expect(exitFile(directory)).toMatchObject({ status: 3, why: null });
  expectBounded(directory);
  expect(await directory.stderrTail(4)).toBe('last');
});

test('its logs are bounded also while it ignores the signal at its deadline', async () => {
  const bounds = { deadlineAt: inSeconds(1), graceMs: 20_000, logBytesMax };
  const { directory } = await run.startAndKill(`${deaf} ${torrent} ${stays}`, bounds);
  await nothingLeft();
  expect(exitFile(directory)).toMatchObject({ status: 3, why: 'deadline' });
  expectBounded(directory);
  expect(await directory.stderrTail(4)).toBe('last');
});

test.each(worlds)(
  '%s: where somebody kills the runner the watcher keeps to the deadline, and ends',
  async (_, prepare) => {
    const pidFile = join(run.data, 'child');
    const bounds = { deadlineAt: inSeconds(2), graceMs: 0 };
    const { directory } = await run.startAndKill(`${deaf} ${child(pidFile)} ${stays}`, bounds);
    prepare(directory);
    const { runner } = JSON.parse(readFileSync(join(directory.path, 'run.json'), 'utf8'));
    const grandchild = identityOf(Number(readFileSync(pidFile, 'utf8')));
    process.kill(runner.pid, 'SIGKILL');
    await nothingLeft();
    expect(grandchild && isAlive(grandchild)).toBe(false);
    expect(readExit(directory.path)).toBeUndefined();
  },
);

test('without control groups a grandchild that kept its session but not its environment is killed, too', async () => {
  const script = 'env -i sleep 60 & echo $!; echo ready; exec sleep 1';
  const engine = await run.startCommand(['sh', '-c', script]);
  dissolveLeaves(run.directory);
  expect(await engine.ended).toMatchObject({ code: 0 });
  expect(identityOf(Number(run.lines[0]))).toBeUndefined();
});

test('signals to the group of the engine do not reach its runner', async () => {
  const engine = await run.startCommand(['sleep', '60']);
  process.kill(-engine.pid, 'SIGKILL');
  expect(await engine.ended).toMatchObject({ code: null, signal: 'SIGKILL' });
});

test('a full disk keeps the status', async context => {
  const mount = join(run.data, 'small');
  mkdirSync(mount);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', mount]);
  if (mounted.status !== 0) {
    if (process.env.CI) throw new Error(`CI must run this test: ${mounted.stderr}`);
    process.stderr.write(`SKIPPED: no file system may be mounted here: ${mounted.stderr}\n`);
    return context.skip();
  }
  try {
    const directory = new RunDirectory(mount, 'run-1');
    await directory.create();
    const engine = await startEngine({
      command: process.execPath,
      args: ['-e', 'setTimeout(() => process.exit(11), 1000)'],
      directory,
      token: run.token,
      onLine: () => undefined,
    });
    fill(join(mount, 'filler'));
    expect(await engine.ended).toMatchObject({ code: 11, signal: null });
    expect(existsSync(join(directory.path, 'exit.json'))).toBe(false);
    expect(readdirSync(directory.path)).toContain('exit');
  } finally {
    execFileSync('umount', [mount]);
  }
});

function fill(path: string): void {
  try {
    for (;;) writeFileSync(path, Buffer.alloc(1024), { flag: 'a' });
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC');
  }
}
