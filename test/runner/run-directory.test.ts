import { readFile, stat, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { jobBytesMax, RunDirectory, runsWithDirectory } from '../../src/runner/run-directory.ts';
import { TestRun } from './runs.ts';

let run: TestRun;

beforeEach(async () => {
  run = await TestRun.open();
});

afterEach(async () => {
  await run.close();
});

test('a job is written for its owner only, and again over the one before', async () => {
  await run.directory.writeJob({ task: 'backup' });
  const path = await run.directory.writeJob({ task: 'commit' });
  expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ task: 'commit' });
  expect(((await stat(path)).mode & 0o777).toString(8)).toBe('600');
  expect(((await stat(run.directory.path)).mode & 0o777).toString(8)).toBe('700');
});

test('a job beyond its bound is refused by name', async () => {
  const refused = run.directory.writeJob({ paths: 'x'.repeat(jobBytesMax) });
  await expect(refused).rejects.toMatchObject({ failure: { code: 'job-too-large' } });
});

test('runs with a directory are listed, and leave the list when it is removed', async () => {
  await new RunDirectory(run.data, 'run-0').create();
  expect(await runsWithDirectory(run.data)).toEqual(['run-0', 'run-1']);
  await run.directory.remove();
  await run.directory.remove();
  expect(await runsWithDirectory(run.data)).toEqual(['run-0']);
  expect(await runsWithDirectory('/nowhere')).toEqual([]);
});

test('what is no run id names no directory', () => {
  for (const id of ['..', 'a/b', '', 'x'.repeat(65)])
    expect(() => new RunDirectory(run.data, id)).toThrow('not a run id');
});

test('the tail of stderr is its last bytes, and empty where there is none', async () => {
  expect(await run.directory.stderrTail(10)).toBe('');
  await writeFile(run.directory.stderrPath, 'first line\nlast line\n');
  expect(await run.directory.stderrTail(10)).toBe('last line');
});
