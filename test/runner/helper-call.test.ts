import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { callHelper, type HelperCall } from '../../src/runner/helper-call.ts';
import { hasInEnvironment, processEntries } from '../../src/runner/process-table.ts';

const nobody = new AbortController().signal;

function call(script: string, more: Partial<HelperCall> = {}): HelperCall {
  const token = `helper-${randomUUID()}`;
  return { what: 'the test call', command: '/bin/sh', args: ['-c', script], token, signal: nobody, ...more };
}

const processesOf = ({ token }: HelperCall) =>
  processEntries().filter(({ pid }) => hasInEnvironment(pid, `REEVE_RUN=${token}`));

test('a call tells its status and its words, whatever its status', async () => {
  expect(await callHelper(call('echo said; echo complained >&2; exit 3'))).toEqual({
    code: 3,
    signal: null,
    stdout: 'said\n',
    stderr: 'complained\n',
  });
});

test('a call that hangs is killed with all that it started, and names its deadline', async () => {
  const hangs = call('trap "" TERM; sleep 300 & sleep 300', { timeoutMs: 300 });
  await expect(callHelper(hangs)).rejects.toMatchObject({
    failure: { code: 'deadline-other', message: expect.stringContaining('the deadline of the test call passed') },
  });
  expect(processesOf(hangs)).toEqual([]);
});

test('a call that nobody waits for any more is killed', async () => {
  const leaves = new AbortController();
  const hangs = call('sleep 300', { signal: leaves.signal });
  const called = callHelper(hangs);
  leaves.abort(new Error('let go'));
  await expect(called).rejects.toThrow('let go');
  expect(processesOf(hangs)).toEqual([]);
});

test('a call that exits and leaves its pipes with another is bounded too', async () => {
  const leaves = call('sleep 300 & exit 0', { timeoutMs: 300 });
  await expect(callHelper(leaves)).rejects.toMatchObject({ failure: { code: 'deadline-other' } });
  expect(processesOf(leaves)).toEqual([]);
});

test('a tool that is not there is told as that', async () => {
  await expect(callHelper(call('', { command: '/nowhere/tool' }))).rejects.toMatchObject({
    failure: { kind: 'permanent', code: 'engine-missing', message: expect.stringContaining('/nowhere/tool') },
  });
});

test('a torrent of words is bounded', async () => {
  const { stdout, stderr } = await callHelper(call('head -c 9000000 /dev/zero; head -c 900000 /dev/zero >&2'));
  expect(stdout.length).toBe(4 * 2 ** 20);
  expect(stderr.length).toBe(64 * 2 ** 10);
});
