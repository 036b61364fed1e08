/** An engine of another user than its agent's: it alone is that user's, and nothing else of its life is different. */
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { attachEngine } from '../../src/runner/attach.ts';
import { identityOf, isAlive } from '../../src/runner/process-identity.ts';
import { readBootId } from '../../src/runner/process-table.ts';
import { readEngineFile, readRunnerFile, readStartFile, writeStartFile } from '../../src/runner/run-files.ts';
import { spawnRunner, startedEngine } from '../../src/runner/runner-process.ts';
import { eventually } from '../support/eventually.ts';
import { otherUser } from '../support/other-user.ts';
import { TestRun } from './runs.ts';

const other = otherUser();
const user = other?.name ?? '';
const canMount = other !== undefined && spawnSync('unshare', ['--mount', 'true']).status === 0;
if (other && !canMount) process.stderr.write('SKIPPED in part: nothing may be mounted here\n');

let run: TestRun;
beforeEach(async () => {
  run = await TestRun.open();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await run.close();
});

const ownerOf = (pid: number) => statSync(`/proc/${pid}`).uid;
const said = (line: string) => eventually(`it says ${line}`, () => run.lines.includes(line));
/** Says something in both ways, then ignores the polite signal, and has a child in a session of its own. */
const stubborn = ['sh', '-c', 'trap "" TERM; echo oops >/dev/stderr; setsid sleep 60 & echo ready; wait; sleep 60'];

describe.skipIf(!other)('the engine', () => {
  test('is its user with its groups alone, and runner, watcher and their files are the agent’s', async () => {
    const engine = await run.startCommand(stubborn, { user });
    await said('ready');
    expect(ownerOf(engine.pid)).toBe(other?.uid);
    const { path } = run.directory;
    const start = readStartFile(path);
    const supervisors = start && readRunnerFile(path, start);
    expect([supervisors?.runner.pid, supervisors?.watcher.pid].map(pid => ownerOf(pid ?? 0))).toEqual([0, 0]);
    expect(start && readEngineFile(path, start)?.identity).toEqual(identityOf(engine.pid));
    for (const name of ['engine.json', 'run.json']) expect((await stat(join(path, name))).uid).toBe(0);
    await eventually('its stderr is kept', async () => (await run.directory.stderrTail(100)) === 'oops');
  });

  test('has the ids of its user, and a working directory that it may read', async () => {
    const engine = await run.startCommand(['sh', '-c', 'id -u; id -g; id -G; pwd; echo $REEVE_RUN; exit 3'], { user });
    expect(await engine.ended).toMatchObject({ code: 3, signal: null });
    expect(run.lines).toEqual([`${other?.uid}`, `${other?.gid}`, `${other?.gid}`, '/', run.token]);
  });

  test('is killed with all that it started, also by an agent that found it again', async () => {
    const engine = await run.startCommand(stubborn, { user });
    await said('ready');
    const found = await attachEngine(run.directory, { onLine: () => undefined });
    if (found.found !== 'alive') throw new Error(`it was ${found.found}`);
    expect(found.process.pid).toBe(engine.pid);
    expect(found.process.members().length).toBeGreaterThan(1);
    expect(await found.process.stop({ graceMs: 200 })).toMatchObject({ gone: true });
    expect(await engine.ended).toMatchObject({ signal: 'SIGKILL' });
    expect(run.processes()).toEqual([]);
  });

  test('is ended by its watcher at its deadline, without an agent', async () => {
    const bounds = { deadlineAt: Date.now() + 1_000, graceMs: 0 };
    const engine = await run.startCommand(stubborn, { user, bounds });
    expect(await engine.ended).toMatchObject({ why: 'deadline' });
    await eventually('nothing of it is left', () => run.processes().length === 0);
  });

  test('is not started for a user whom nobody knows', async () => {
    const failed = await run.startCommand(['true'], { user: 'no-such-user' }).catch((error: unknown) => error);
    expect(failed).toMatchObject({
      failure: {
        code: 'engine-not-started',
        message: 'cannot start true as the user no-such-user: there is no such user on this host',
      },
    });
  });

  test.skipIf(!canMount)('is not started without setpriv', async () => {
    const file = { version: 1, token: run.token, start: randomUUID(), bootId: readBootId(), command: ['true'], at: '' };
    await writeStartFile(run.directory.path, file);
    const start = { command: 'true', args: [], directory: run.directory, user };
    // An empty directory over what it lies in would take the shell too: it is covered by what is no program.
    const hide =
      'for each in /usr/bin /bin /usr/sbin /sbin; do [ ! -e $each/setpriv ] || mount --bind /dev/null $each/setpriv; done; exec "$@"';
    const { child } = await spawnRunner(start, file, ['unshare', '--mount', '/bin/sh', '-c', hide, 'hide']);
    const failed = await startedEngine(start, file, child).catch((error: unknown) => error);
    expect(failed).toMatchObject({
      failure: {
        code: 'engine-missing',
        message: 'cannot start true as the user nobody: there is no setpriv on the PATH',
      },
    });
  });
});

test('an agent that is not root starts nothing for another user', async () => {
  vi.spyOn(process, 'getuid').mockReturnValue(1_000);
  const failed = await run.startCommand(['true'], { user: 'nobody' }).catch((error: unknown) => error);
  expect(failed).toMatchObject({
    failure: { code: 'engine-not-started', message: 'cannot start true as the user nobody: the agent is not root' },
  });
  const own = await run.startCommand(['sh', '-c', 'echo own']);
  await own.ended;
  expect(run.lines).toEqual(['own']);
  expect(isAlive(identityOf(own.pid) ?? { pid: own.pid, startTime: '', bootId: '' })).toBe(false);
});
