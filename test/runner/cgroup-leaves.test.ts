import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cgroupPlaces, hierarchies } from '../../src/runner/cgroup-places.ts';
import { identityOf, isAlive } from '../../src/runner/process-identity.ts';
import { scopeCommand } from '../../src/runner/systemd-scope.ts';
import { eventually } from '../support/eventually.ts';
import { TestRun } from './runs.ts';

const places = cgroupPlaces();
const hasKill = places.some(({ version }) => version === 2) && canMakeLeaf();
const memory = places.find(({ controllers }) => controllers.includes('memory'));
if (!hasKill || !memory) {
  const missing = hasKill ? 'no memory controller' : 'no control groups';
  if (process.env.CI) throw new Error(`CI must run these tests: ${missing} may be used here`);
  process.stderr.write(`SKIPPED in part: ${missing} may be used here\n`);
}

let run: TestRun;
beforeEach(async () => {
  run = await TestRun.open();
});
afterEach(async () => {
  const leaves = leavesOf(run);
  await run.close();
  expect(leaves.filter(leaf => existsSync(leaf))).toEqual([]);
});

function canMakeLeaf(): boolean {
  const path = join(places[0]?.path ?? '/nowhere', `test-${process.pid}`);
  try {
    mkdirSync(path);
    rmdirSync(path);
    return true;
  } catch {
    return false;
  }
}

function leavesOf({ directory }: TestRun): string[] {
  const path = join(directory.path, 'leaves');
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
}

/** Leaves its session and sheds its environment: nothing of it names the run. */
const escapes = `const c = require("child_process").spawn("sleep", ["60"], { detached: true, stdio: "ignore", env: {} });
  console.log(c.pid);`;

describe.skipIf(!hasKill)('in a leaf of its own', () => {
  test('a grandchild with a session of its own and an empty environment is killed with the engine', async () => {
    const engine = await run.start(`${escapes} setInterval(() => {}, 1e6)`);
    const grandchild = await eventually('it runs', () => identityOf(Number(run.lines[0])));
    expect(engine.members()).toContain(grandchild.pid);
    expect(await engine.stop({ graceMs: 100 })).toMatchObject({ gone: true });
    expect(isAlive(grandchild)).toBe(false);
    expect(await engine.ended).toMatchObject({ signal: 'SIGTERM' });
  });

  test('such a grandchild is killed too when the engine exits by itself', async () => {
    const engine = await run.start(`${escapes} setTimeout(() => process.exit(0), 200)`);
    expect(await engine.ended).toMatchObject({ code: 0 });
    expect(identityOf(Number(run.lines[0]))).toBeUndefined();
  });

  test('such a grandchild is killed at the deadline though no agent is there', async () => {
    const bounds = { deadlineAt: Date.now() + 1_500, graceMs: 0 };
    const { directory } = await run.startAndKill(
      `${escapes} console.log("ready"); process.on("SIGTERM", () => {}); setInterval(() => {}, 1e6)`,
      bounds,
    );
    const grandchild = identityOf(Number(readFileSync(directory.stdoutPath, 'utf8').split('\n')[0]));
    expect(grandchild && isAlive(grandchild)).toBe(true);
    await eventually('the run is over', () => run.processes().length === 0);
    expect(grandchild && isAlive(grandchild)).toBe(false);
    expect(readFileSync(join(directory.path, 'leaves'), 'utf8').split('\n').filter(existsSync)).toEqual([]);
  });

  test('neither the runner nor its watcher is in the leaf', async () => {
    const engine = await run.start('setInterval(() => {}, 1e6)');
    const [leaf = ''] = leavesOf(run);
    expect(readFileSync(join(leaf, 'cgroup.procs'), 'utf8')).toBe(`${engine.pid}\n`);
  });
});

describe.skipIf(!hasKill || !memory)('with a limit of its memory', () => {
  test('an engine that asks for more is killed, and its end says why', async () => {
    const engine = await run.start('const all = []; for (;;) all.push(Buffer.alloc(2 ** 20, 1));', {
      limits: { memoryBytes: 120 * 2 ** 20 },
    });
    expect(engine.unlimited).toEqual([]);
    expect(await engine.ended).toMatchObject({ code: null, signal: 'SIGKILL', why: null, oomKilled: true });
  });

  test('an engine that keeps to it ends as it wants', async () => {
    const engine = await run.start('process.exit(3)', { limits: { memoryBytes: 200 * 2 ** 20 } });
    expect(await engine.ended).toMatchObject({ code: 3, oomKilled: false });
  });
});

test('a limit that nothing holds an engine to is told', async () => {
  const engine = await run.start('', { limits: { cpus: 0.5 } });
  const isHeld = places.some(({ controllers }) => controllers.includes('cpu'));
  expect(engine.unlimited).toEqual(isHeld ? [] : ['cpus']);
  await engine.ended;
});

describe('the hierarchies of a host', () => {
  const line = (root: string, mount: string, rest: string) => `1 2 0:3 ${root} ${mount} rw,relatime - ${rest}`;

  test('of version 2 alone: one, at our own group', () => {
    const mounts = line('/', '/sys/fs/cgroup', 'cgroup2 cgroup2 rw');
    expect(hierarchies(mounts, '0::/system.slice/reeve.service\n')).toEqual([
      { version: 2, controllers: [], own: '/sys/fs/cgroup/system.slice/reeve.service' },
    ]);
  });

  test('hybrid: that of version 2 first, and those of version 1 that limit something', () => {
    const mounts = [
      line('/', '/sys/fs/cgroup/memory', 'cgroup cgroup rw,memory'),
      line('/', '/sys/fs/cgroup/pids', 'cgroup cgroup rw,pids'),
      line('/', '/sys/fs/cgroup/cpu,cpuacct', 'cgroup cgroup rw,cpu,cpuacct'),
      line('/', '/sys/fs/cgroup/unified', 'cgroup2 cgroup2 rw'),
    ].join('\n');
    const found = hierarchies(mounts, '4:memory:/m\n3:cpu,cpuacct:/c\n2:pids:/p\n0::/u\n');
    expect(found.map(({ own }) => own)).toEqual([
      '/sys/fs/cgroup/unified/u',
      '/sys/fs/cgroup/memory/m',
      '/sys/fs/cgroup/cpu,cpuacct/c',
    ]);
  });

  test('in a container: what is mounted of it, and nothing that lies outside', () => {
    const mounts = line('/docker/abc', String.raw`/sys/fs/a\040b`, 'cgroup2 cgroup2 rw');
    expect(hierarchies(mounts, '0::/docker/abc/x')).toMatchObject([{ own: '/sys/fs/a b/x' }]);
    expect(hierarchies(mounts, '0::/docker/other')).toEqual([]);
    expect(hierarchies(mounts, '0::/../other')).toEqual([]);
  });
});

test('places hold nothing of ours but leaves', () => {
  for (const { path } of places) expect(readdirSync(path)).toContain('cgroup.procs');
});

test('a scope of systemd gets the same limits', () => {
  expect(scopeCommand('s-1', { memoryBytes: 1_000, cpus: 0.5 })).toEqual([
    ...['systemd-run', '--scope', '--quiet', '--collect', '--unit=reeve-s-1', '--property=Delegate=yes'],
    ...['--property=MemoryMax=1000', '--property=MemorySwapMax=0', '--property=CPUQuota=50%', '--'],
  ]);
});
