/** Which locks are dead, and that only those are cleared away. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { staleLockMs, temporaryName } from '../../../src/engines/restic/facts.ts';
import { clearDeadLocks, listLocks, stateOf } from '../../../src/engines/restic/locks.ts';
import { clearLeftovers } from '../../../src/engines/restic/preparation.ts';
import { eventually } from '../../support/eventually.ts';
import { describeWithTools } from '../../support/tools.ts';
import { TestRepository } from './repository.ts';
import { scopeFor } from './scopes.ts';

const never = new AbortController().signal;

describe('the holder of a lock', () => {
  const here = { hostname: hostname(), pid: process.pid };
  const ago = (ms: number) => new Date(Date.now() - ms).toISOString();

  test('of this host is alive while the process is there, however old the lock is', () => {
    expect(stateOf({ ...here, time: ago(0) })).toBe('alive');
    expect(stateOf({ ...here, pid: 1, time: ago(0) })).toBe('alive');
  });

  test('of this host is gone with its process', async () => {
    const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
    await once(child, 'exit');
    expect(stateOf({ ...here, pid: child.pid as number, time: ago(0) })).toBe('gone');
  });

  test('is another process where that started after the lock was last refreshed', () => {
    expect(stateOf({ ...here, time: ago(3_600_000 + performance.now()) })).toBe('reused');
  });

  test("of another host is alive up to restic's own bound", () => {
    const there = { hostname: 'elsewhere', pid: 999_999_999 };
    expect(stateOf({ ...there, time: ago(staleLockMs - 60_000) })).toBe('alive');
    expect(stateOf({ ...there, time: ago(staleLockMs + 60_000) })).toBe('gone');
  });
});

describeWithTools('a lock in a repository', ['restic'], () => {
  let directory: string;
  let repository: TestRepository;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'reeve-restic-locks-'));
    mkdirSync(join(directory, 'source'));
    repository = new TestRepository(directory);
    repository.make();
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  /** A backup that never ends by itself, once it holds its lock and has begun a file in the repository. */
  async function holder(): Promise<ChildProcess> {
    const env = {
      ...{ PATH: process.env.PATH, HOME: directory },
      ...{ RESTIC_REPOSITORY: repository.path, RESTIC_PASSWORD_FILE: repository.passwordFile },
    };
    const child = spawn('sh', ['-c', 'exec restic backup --no-cache --limit-upload 1 --stdin </dev/urandom'], {
      env,
      stdio: 'ignore',
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    await eventually('a temporary file', () => repository.files('data').some(name => name.includes('-tmp-')), 20_000);
    return child;
  }

  test('goes with the temporary files of its process once that is dead, and not before', async () => {
    const scope = await scopeFor({ directory, repository: repository.document, engine: { path: directory } });
    const child = await holder();
    expect(await clearDeadLocks(scope, never)).toBe(false);
    await clearLeftovers(scope, never);
    expect(await listLocks(scope, never)).toHaveLength(1);
    expect(repository.files('data').filter(name => temporaryName.test(basename(name)))).not.toEqual([]);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await clearLeftovers(scope, never);
    expect(await listLocks(scope, never)).toEqual([]);
    expect(repository.files('data').filter(name => name.includes('-tmp-'))).toEqual([]);
    writeFileSync(join(directory, 'source', 'one'), 'one');
    repository.restic('backup', join(directory, 'source'));
    expect(repository.snapshots()).toHaveLength(1);
  });
});
