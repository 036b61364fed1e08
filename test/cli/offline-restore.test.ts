import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { doJob } from '../../src/engines/files/tasks.ts';
import { ProgressMeter } from '../../src/engines/progress-meter.ts';
import { reeve } from './run-reeve.ts';

let directory: string;
let repository: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'reeve-offline-'));
  repository = join(directory, 'repository');
  const source = join(directory, 'source');
  await mkdir(join(source, 'sub'), { recursive: true });
  await writeFile(join(source, 'one.txt'), 'first');
  await writeFile(join(source, 'sub', 'two.jpg'), 'second');
  await backUp(source, 'photos-1');
  await writeFile(join(source, 'one.txt'), 'changed');
  await backUp(source, 'photos-2');
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function backUp(path: string, run: string): Promise<void> {
  const meter = new ProgressMeter(() => undefined);
  const { signal } = new AbortController();
  const staged = await doJob(
    {
      task: 'backup',
      run,
      plan: 'photos',
      source: { path },
      repository,
      excludeDirs: [],
      tolerate: { vanished: 'any', changed: 'any', unreadable: 0 },
      guard: { minFiles: 1, maxShrinkPercent: 50 },
      previous: null,
    },
    meter,
    signal,
  );
  if (staged.task !== 'backup') throw new Error('not the result of a backup');
  await doJob({ task: 'commit', run, repository, manifest: staged.manifest, outcome: 'completed' }, meter, signal);
}

/** A server that is not there: nothing here may need it. */
const restore = (...words: string[]) =>
  reeve(['restore', '--repository', 'repository', ...words], {
    directory,
    variables: { REEVE_NATS_URL: 'nats://127.0.0.1:1' },
  });

test('the newest backup comes back, without NATS', async () => {
  const ran = await restore('--to', 'newest');
  expect(ran.stdout).toContain('photos-2 restored into ');
  expect(ran.status).toBe(0);
  expect(await readFile(join(directory, 'newest', 'one.txt'), 'utf8')).toBe('changed');
  expect((await readdir(join(directory, 'newest'))).sort()).toEqual(['one.txt', 'sub']);
});

test('an older one comes back by its id, and a part of it by globs', async () => {
  const ran = await restore('photos-1', '--to', 'part', '--include', '*.txt', '-o', 'json');
  expect(JSON.parse(ran.stdout)).toMatchObject({ ok: true, backup: 'photos-1', bytes: 5, files: 1 });
  expect(await readdir(join(directory, 'part'))).toEqual(['one.txt']);
  expect(await readFile(join(directory, 'part', 'one.txt'), 'utf8')).toBe('first');
});

test('a dry run lists the backups', async () => {
  const ran = await restore('--dry-run');
  expect(ran.stdout).toMatch(/photos-2 +photos +completed .*\nphotos-1 +photos +completed/);
  const json = await restore('photos-1', '--dry-run', '-o', 'json');
  expect(JSON.parse(json.stdout).backups).toHaveLength(1);
});

test('a terminal gets a bar that is taken away', async () => {
  const ran = await reeve(['restore', '--repository', repository, '--to', 'bar'], { directory, columns: 100 });
  expect(ran.stderr).toContain('photos-2 restoring');
  expect(ran.stderr.endsWith('\u001b[1A\r\u001b[0J')).toBe(true);
});

test.each([
  [['photos-3', '--to', 'x'], 1, 'has no backup photos-3'],
  [['photos-3', '--dry-run'], 1, 'has no backup photos-3'],
  [['--to', 'repository'], 1, 'is not empty'],
  [['--to', 'none', '--include', '*.zip'], 1, 'nothing in the backup matches *.zip'],
  [[], 2, 'no directory to restore into'],
])('%j ends with %d', async (words, status, says) => {
  const ran = await restore(...words);
  expect(ran.stderr).toContain(says);
  expect(ran).toMatchObject({ status, stdout: '' });
});

test('a directory that is no repository is told', async () => {
  const ran = await reeve(['restore', '--repository', join(directory, 'source'), '--to', '/tmp/x'], { directory });
  expect(ran.status).toBe(1);
  expect(ran.stderr).toContain('there is no repository at');
});
