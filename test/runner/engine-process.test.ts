import { readdirSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FailureError } from '../../src/core/failure.ts';
import { engineIdentity } from '../../src/runner/engine-process.ts';
import { identityOf, isAlive } from '../../src/runner/process-identity.ts';
import { readEngineFile, readStartFile } from '../../src/runner/run-files.ts';
import { eventually } from '../support/eventually.ts';
import { TestRun } from './runs.ts';

let run: TestRun;

beforeEach(async () => {
  run = await TestRun.open();
});

afterEach(async () => {
  await run.close();
});

const ready = (): Promise<boolean> => eventually('the engine says that it is ready', () => run.lines.includes('ready'));

/** What lies in a directory, whatever goes meanwhile. */
function bytesOf(directory: string): number {
  const sizes = readdirSync(directory).map(
    name => statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0,
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

test('its lines, its stderr and its status are kept', async () => {
  const engine = await run.start('console.log("one\\ntwo"); console.error("oops"); process.exitCode = 7');
  expect(await engine.ended).toMatchObject({ code: 7, signal: null });
  expect(run.lines).toEqual(['one', 'two']);
  await eventually('stderr is in its file', async () => (await run.directory.stderrTail(100)) === 'oops');
});

test('its environment is the allowlist, what was added, and the token', async () => {
  process.env.AWS_CA_BUNDLE = '/not/for/engines';
  try {
    const engine = await run.start('console.log(JSON.stringify(process.env))', { env: { ADDED: 'yes' } });
    await engine.ended;
  } finally {
    delete process.env.AWS_CA_BUNDLE;
  }
  const environment = JSON.parse(run.lines[0] ?? '') as Record<string, string>;
  expect(environment).toMatchObject({ ADDED: 'yes', REEVE_RUN: run.token, PATH: process.env.PATH });
  const known = [
    'PATH',
    'HOME',
    'LANG',
    'TZ',
    'TMPDIR',
    'NODE_COMPILE_CACHE',
    'REEVE_FAILPOINTS',
    'ADDED',
    'REEVE_RUN',
  ];
  expect(Object.keys(environment).filter(name => !known.includes(name) && !name.startsWith('__CF'))).toEqual([]);
});

test('once it counts as started, its file names it, for its owner only', async () => {
  const engine = await run.start('setInterval(() => {}, 1e6)');
  const start = readStartFile(run.directory.path);
  expect(start).toMatchObject({ token: run.token });
  const file = start && readEngineFile(run.directory.path, start);
  expect(file).toMatchObject({ token: run.token, identity: identityOf(engine.pid) });
  expect(((await stat(join(run.directory.path, 'engine.json'))).mode & 0o777).toString(8)).toBe('600');
});

test('a polite engine ends on the polite signal', async () => {
  const engine = await run.start(
    'process.on("SIGINT", () => process.exit(3)); setInterval(() => {}, 1e6); console.log("ready")',
  );
  await ready();
  expect(await engine.stop({ signal: 'SIGINT', graceMs: 20_000 })).toMatchObject({ gone: true });
  expect(await engine.ended).toMatchObject({ code: 3, signal: null });
});

test('an engine that ignores TERM is killed after the grace', async () => {
  const engine = await run.start('process.on("SIGTERM", () => {}); setInterval(() => {}, 1e6); console.log("ready")');
  await ready();
  const stopped = await engine.stop({ graceMs: 200 });
  expect(stopped.gone).toBe(true);
  expect(stopped.tookMs).toBeGreaterThanOrEqual(200);
  expect(await engine.ended).toMatchObject({ code: null, signal: 'SIGKILL' });
});

test('a second stop shortens the grace of the first', async () => {
  const engine = await run.start('process.on("SIGTERM", () => {}); setInterval(() => {}, 1e6); console.log("ready")');
  await ready();
  const first = engine.stop({ graceMs: 50_000 });
  expect((await engine.stop({ graceMs: 0 })).tookMs).toBeLessThan(5_000);
  expect((await first).gone).toBe(true);
});

test('a stopped engine is continued, so that it can hear the polite signal', async () => {
  const engine = await run.start(
    'process.on("SIGTERM", () => process.exit(0)); setInterval(() => {}, 1e6); console.log("ready")',
  );
  await ready();
  process.kill(engine.pid, 'SIGSTOP');
  expect(await engine.stop({ graceMs: 20_000 })).toMatchObject({ gone: true });
  expect(await engine.ended).toMatchObject({ code: 0, signal: null });
});

test('a grandchild in a session of its own is killed too, by the token that it carries', async () => {
  const engine = await run.startCommand(['sh', '-c', 'setsid sleep 60 & echo $!; echo ready; sleep 60']);
  await ready();
  const grandchild = await eventually('it is in a session of its own', () => {
    const identity = identityOf(Number(run.lines[0]));
    return identity && engine.members().includes(identity.pid) && identity;
  });
  expect((await engine.stop({ graceMs: 1_000 })).gone).toBe(true);
  expect(isAlive(grandchild)).toBe(false);
  expect(engine.members()).toEqual([]);
});

test('what the engine left in its session is killed, though it carries no token', async () => {
  const engine = await run.startCommand(['sh', '-c', 'env -i sleep 60 & echo $!; echo ready; exec sleep 60']);
  await ready();
  const left = await eventually('the child runs without the token', async () => {
    const command = await readFile(`/proc/${run.lines[0]}/comm`, 'utf8');
    return command === 'sleep\n' && identityOf(Number(run.lines[0]));
  });
  expect((await engine.stop({ graceMs: 1_000 })).gone).toBe(true);
  expect(isAlive(left)).toBe(false);
});

test('a child that holds stdout open is killed, and delays nothing', async () => {
  const engine = await run.startCommand(['sh', '-c', 'sleep 60 & echo $!; echo last']);
  const begin = performance.now();
  expect(await engine.ended).toMatchObject({ code: 0, signal: null, why: null, oomKilled: false });
  expect(performance.now() - begin).toBeLessThan(5_000);
  expect(run.lines[1]).toBe('last');
  expect(identityOf(Number(run.lines[0]))).toBeUndefined();
  expect(engine.members()).toEqual([]);
});

test('a torrent on stdout waits for its taker and loses no line', async () => {
  const lines = 50_000;
  let taken = 0;
  let mostAtOnce = 0;
  let open = 0;
  const engine = await run.start(`for (let i = 0; i < ${lines}; i++) require("fs").writeSync(1, "line " + i + "\\n")`, {
    onLine: line => {
      expect(line).toBe(`line ${taken}`);
      taken += 1;
      if (taken % 10_000 !== 0) return;
      mostAtOnce = Math.max(mostAtOnce, ++open);
      return new Promise(resolve => {
        setTimeout(() => {
          open -= 1;
          resolve();
        }, 5);
      });
    },
  });
  expect(await engine.ended).toMatchObject({ code: 0, signal: null });
  expect({ taken, mostAtOnce }).toEqual({ taken: lines, mostAtOnce: 1 });
});

test('a line without end is cut, and the next one is whole', async () => {
  const engine = await run.start('console.log("x".repeat(1e6)); console.log("next")', { lineBytesMax: 1_000 });
  await engine.ended;
  expect(run.lines.map(line => line.length)).toEqual([1_000, 4]);
});

test('a torrent on stderr stays within its bound, and what is said after it is kept', async () => {
  const torrent = 'for (let i = 0; i < 1e5; i++) require("fs").writeSync(2, "error " + i + "\\n");';
  const script = `${torrent} setTimeout(() => console.error("error 100000"), 200)`;
  const engine = await run.start(script, { logBytesMax: 64 * 20_000 });
  expect((await engine.ended).code).toBe(0);
  await eventually('the last line is kept', async () => (await run.directory.stderrTail(20)).endsWith('error 100000'));
  expect((await stat(run.directory.stderrPath)).size).toBeLessThanOrEqual(20_000);
  expect((await stat(`${run.directory.stderrPath}.old`)).size).toBeLessThanOrEqual(20_000);
});

test('a torrent on both outputs leaves the directory within what the logs may take together', async () => {
  const logBytesMax = 8 * 2 ** 20;
  // Some 20 MB a second, three times the bound, and then words that are not to be lost.
  const torrent = `const part = ("x".repeat(999) + "\\n").repeat(20); let left = 600;
    const write = text => { require("fs").writeSync(1, text); require("fs").writeSync(2, text); };
    const next = () => { if (left-- > 0) { write(part); setTimeout(next, 1); } else setTimeout(write, 200, "last\\n"); }; next();`;
  const engine = await run.start(torrent, { logBytesMax });
  let most = 0;
  const look = setInterval(() => {
    most = Math.max(most, bytesOf(run.directory.path));
  }, 2);
  expect(await engine.ended).toMatchObject({ code: 0 });
  clearInterval(look);
  expect(most).toBeGreaterThan(2 ** 18); // it was looked at while it grew
  expect(most).toBeLessThan(logBytesMax);
  expect(bytesOf(run.directory.path)).toBeLessThan(logBytesMax / 4);
  expect(run.lines.at(-1)).toBe('last');
  expect(await run.directory.stderrTail(5)).toBe('last');
});

test('of a torrent that is faster than its taker the newest lines are given, in order', async () => {
  const logBytesMax = 64 * 25_000; // of which stdout.log has 100 kB
  const script = `for (let i = 0; i < 100_000; i++) require("fs").writeSync(1, "line " + i + "\\n");
    setTimeout(() => console.log("line 100000"), 200)`;
  const taken: number[] = [];
  let lines = 0;
  let most = 0;
  const engine = await run.start(script, {
    logBytesMax,
    onLine: line => {
      lines += 1;
      if (/^line \d+$/.test(line)) taken.push(Number(line.slice(5)));
      most = Math.max(most, bytesOf(run.directory.path)); // which takes its time
    },
  });
  expect(await engine.ended).toMatchObject({ code: 0 });
  expect(taken.at(-1)).toBe(100_000);
  expect(taken).toEqual(taken.toSorted((one, other) => one - other));
  expect(new Set(taken).size).toBe(taken.length);
  expect(taken.length).toBeLessThan(100_000);
  // A write in the very moment of a cut is lost, and may break a line.
  expect(lines - taken.length).toBeLessThan(100);
  expect(most).toBeLessThan(logBytesMax);
});

test('a taker that throws is told at the end, and the engine is not cut off', async () => {
  const engine = await run.start('for (let i = 0; i < 1e4; i++) console.log("line " + i)', {
    onLine: () => {
      throw new Error('no taste for it');
    },
  });
  const end = await engine.ended;
  expect(end).toMatchObject({ code: 0, linesError: { message: 'no taste for it' } });
});

test('an engine that dies at once has started and has ended', async () => {
  const engine = await run.startCommand(['false']);
  expect(await engine.ended).toMatchObject({ code: 1, signal: null });
  expect(await engineIdentity(run.directory)).toMatchObject({ pid: engine.pid });
  expect(await engine.stop({ graceMs: 5_000 })).toMatchObject({ gone: true });
});

test('a command that is not there is a failure with a name', async () => {
  const failed = await run.startCommand(['/nowhere/engine']).catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(FailureError);
  expect((failed as FailureError).failure).toMatchObject({ code: 'engine-not-started', kind: 'permanent' });
});

test.each([
  ['a stop without grace', false],
  ['a stop that is shortened to none', true],
])('%s sends its kill before it returns', async (_, isUnderWay) => {
  const engine = await run.startCommand(['sh', '-c', 'trap "" TERM; sleep 60 & echo $!; echo ready; wait; sleep 60']);
  await ready();
  const child = identityOf(Number(run.lines[0]));
  if (isUnderWay) void engine.stop({ signal: 'SIGCONT', graceMs: 50_000 });
  void engine.stop({ graceMs: 0 });
  // No other turn of the event loop runs meanwhile, as in a process that ends in this one.
  const limit = performance.now() + 5_000;
  while (child && isAlive(child) && performance.now() < limit);
  expect(child && isAlive(child)).toBe(false);
  expect(await engine.ended).toMatchObject({ code: null, signal: 'SIGKILL' });
});
