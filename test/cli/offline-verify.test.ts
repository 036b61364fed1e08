import { cpSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeSample } from '../repository/sample-repository.ts';
import { reeve, startReeve } from './run-reeve.ts';

let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'reeve-verify-'));
  await makeSample(directory);
  const slot = (repository: string) => join(directory, repository, 'slots', 'photos-1');
  cpSync(join(directory, 'repository'), join(directory, 'damaged'), { recursive: true });
  truncateSync(slot('damaged'), 10);
  writeFileSync(join(directory, 'damaged', 'slots', 'photos-2\u001b[31m'), '');
  cpSync(join(directory, 'repository'), join(directory, 'empty'), { recursive: true });
  rmSync(join(directory, 'empty', 'packs'), { recursive: true });
  mkdirSync(join(directory, 'empty', 'packs'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A server that is not there: nothing here may need it. */
const options = () => ({ directory, variables: { REEVE_NATS_URL: 'nats://127.0.0.1:1' } });
const verify = (repository: string, ...words: string[]) =>
  reeve(['verify', '--repository', repository, ...words], options());

test('a sound repository ends with 0, without NATS', async () => {
  const ran = await verify('repository');
  expect(ran.status).toBe(0);
  expect(ran.stdout).toMatch(/\/repository is sound: 3 backups, \d+ packs of \d\.\d MiB\n$/);
});

test('what was not read is said', async () => {
  expect((await verify('repository', '--data', 'structure')).stdout).toContain(', whose data was not read\n');
  expect((await verify('repository', '--data', '50%')).stdout).toContain(', the data of 50% read\n');
});

test('a backup is checked alone by its id', async () => {
  expect((await verify('damaged', 'photos-2')).stdout).toMatch(/^photos-2 is sound: 1 backup, /);
  const ran = await verify('damaged', 'photos-1');
  expect(ran).toMatchObject({ status: 1, stderr: '' });
  expect(ran.stdout).toContain('photos-1 of the plan photos cannot be restored: its slot is damaged\n');
});

test('damage ends with 1, and is told with what to do, escaped, and with the backups', async () => {
  const ran = await verify('damaged');
  expect(ran.status).toBe(1);
  expect(ran.stdout.split('\n')).toEqual([
    '2 damages:',
    'slots/photos-2\\x1b[31m: no file of a repository has this name',
    '  nothing reads it: move it out of the repository',
    expect.stringMatching(/^slots\/photos-1: the commit slot of photos-1 is damaged: it is not JSON; it holds /),
    '  put back that file from a copy of the repository; the backup cannot be read without it',
    'photos-1 of the plan photos cannot be restored: its slot is damaged',
    '',
  ]);
});

test('files that cannot be restored are named, the first of them, and the rest counted', async () => {
  const { stdout } = await verify('empty');
  expect(stdout).toMatch(/: it is gone\n/);
  expect(stdout).toMatch(/^photos-1 of the plan photos: 23 files cannot be restored:\n {2}big\n {2}medium\/image-1\n/m);
  expect(stdout).toContain('\n  and 3 more files\n');
});

test('-o json has all that was found', async () => {
  const sound = await verify('repository', '-o', 'json');
  expect(JSON.parse(sound.stdout)).toMatchObject({ ok: true, sound: true, damages: { count: 0, first: [] } });
  const ran = await verify('damaged', '-o', 'json');
  expect(ran.status).toBe(1);
  const answer = JSON.parse(ran.stdout);
  expect(answer).toMatchObject({ ok: true, sound: false, damages: { count: 2 } });
  expect(answer.backups.map(({ id, damaged }: { id: string; damaged: boolean }) => `${id} ${damaged}`).sort()).toEqual([
    'mail-1 false',
    'photos-1 true',
    'photos-2 false',
  ]);
});

test('a terminal gets a bar that is taken away', async () => {
  const ran = await reeve(['verify', '--repository', 'repository', 'mail-1'], { ...options(), columns: 100 });
  expect(ran.stderr).toContain('mail-1 verifying');
  expect(ran.stderr.endsWith('\u001b[1A\r\u001b[0J')).toBe(true);
});

test('Ctrl-C stops it, which is no verdict', async () => {
  const running = startReeve(['verify', '--repository', 'repository'], options());
  while (!running.waits) await new Promise(resolve => setImmediate(resolve));
  running.interrupt();
  const ran = await running.ended;
  expect(ran).toMatchObject({ status: 1, stdout: '' });
  expect(ran.stderr).toContain('was stopped');
});

test.each([
  [['--repository', 'repository', 'mail-2'], 1, 'has no backup mail-2'],
  [['--repository', 'photos'], 1, 'there is no repository at'],
  [['--repository', 'repository', '--data', '0%'], 2, 'a share from 1% to 100%'],
  [['photos', '--data', '5%'], 2, '--data is for a repository'],
  [[], 2, 'nothing to verify was named'],
])('%j ends with %d', async (words, status, says) => {
  const ran = await reeve(['verify', ...words], options());
  expect(ran).toMatchObject({ status, stdout: '' });
  expect(ran.stderr).toContain(says);
});

test('the help names what it can do without an agent', async () => {
  const { stdout } = await reeve(['verify', '--help'], options());
  expect(stdout).toContain('reeve verify --repository /backup/files --data 5%');
});
