import { truncateSync, writeFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { manifestPath, openOrCreateRepository } from '../../src/repository/repository.ts';
import { commitManifest } from '../repository/staged-manifest.ts';
import { file, offline, source } from './offline.ts';

const { path, run } = offline();
let damaged: string;

const tree = (size: number) => [source, file('a', size), file('b', size)];

beforeAll(async () => {
  const repository = await openOrCreateRepository(path('repository'));
  await commitManifest(repository, 'photos-1', tree(512), { at: '2026-01-01T00:00:00.000Z' });
  await commitManifest(repository, 'mail-1', tree(2 ** 20), { plan: 'mail', at: '2026-01-02T00:00:00.000Z' });
  await commitManifest(repository, 'photos-2', tree(1), { outcome: 'partial', at: '2026-01-03T00:00:00.000Z' });
  const broken = await openOrCreateRepository(path('broken'));
  await commitManifest(broken, 'photos-1', tree(512), { at: '2026-01-01T00:00:00.000Z' });
  damaged = await commitManifest(broken, 'photos-2', tree(512), { at: '2026-01-02T00:00:00.000Z' });
  truncateSync(manifestPath(broken, damaged), 10);
  writeFileSync(path('broken', 'slots', 'photos-3'), '{');
  await openOrCreateRepository(path('empty'));
});

const backups = (repository: string, ...words: string[]) => run('backups', '--repository', repository, ...words);

test('the backups of a repository are listed without NATS, the newest first', async () => {
  const ran = await backups('repository');
  expect(ran).toMatchObject({ status: 0, stderr: '' });
  expect(ran.stdout.split('\n')).toEqual([
    'BACKUP    PLAN    OUTCOME    COMPLETED                SIZE  FILES',
    'photos-2  photos  partial    2026-01-03 00:00:00Z      2 B      2',
    'mail-1    mail    completed  2026-01-02 00:00:00Z  2.0 MiB      2',
    'photos-1  photos  completed  2026-01-01 00:00:00Z  1.0 KiB      2',
    '',
  ]);
});

test('a plan leaves the others out, and -o json has the headers', async () => {
  const ran = await backups('repository', 'photos', '-o', 'json');
  const answer = JSON.parse(ran.stdout);
  expect(answer).toMatchObject({ ok: true, damagedSlots: [] });
  expect(answer.backups.map(({ id }: { id: string }) => id)).toEqual(['photos-2', 'photos-1']);
  expect(answer.backups[1].header.totals).toEqual({ files: 2, directories: 1, bytes: 1024 });
});

test('what is damaged is listed or named, with a plan too', async () => {
  for (const words of [[], ['photos'], ['mail']]) {
    const ran = await backups('broken', ...words);
    expect(ran.status).toBe(0);
    expect(ran.stdout).toMatch(/^photos-2 +- +completed +2026-01-02 00:00:00Z +- +-$/m);
    expect(ran.stderr).toBe('slots that cannot be read: photos-3\n');
  }
});

test('a repository without backups says so', async () => {
  const ran = await backups('empty');
  expect(ran).toMatchObject({ status: 0, stdout: '' });
  expect(ran.stderr).toContain('no backups in ');
  expect(JSON.parse((await backups('empty', '-o', 'json')).stdout)).toEqual({
    ok: true,
    backups: [],
    damagedSlots: [],
  });
});

test('a directory that is no repository is told', async () => {
  const ran = await backups('.');
  expect(ran).toMatchObject({ status: 1, stdout: '' });
  expect(ran.stderr).toContain('there is no repository at');
});
