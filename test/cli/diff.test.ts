import { truncateSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { manifestPath, openOrCreateRepository } from '../../src/repository/repository.ts';
import { commitManifest } from '../repository/staged-manifest.ts';
import { attributes, file, offline, source } from './offline.ts';

const { path, run } = offline();
const names = (count: number) => Array.from({ length: count }, (_, index) => String(index).padStart(6, '0'));

beforeAll(async () => {
  const repository = await openOrCreateRepository(path('repository'));
  const kept = { type: 'directory', path: 'sub', ...attributes } as const;
  await commitManifest(repository, 'p-1', [source, file('a', 5), file('gone\x1b[2J', 1_024), kept, file('sub/x', 3)]);
  await commitManifest(repository, 'p-2', [
    { ...source, mtimeUs: 7 },
    ...[file('a', 5, { mode: 0o600 }), kept, file('sub/new', 2 ** 20), file('sub/x', 4), file('sub/\xff', 0)],
  ]);
  await commitManifest(repository, 'empty', [source]);
  await commitManifest(repository, 'many', [source, ...names(10_001).map(name => file(name, 1))]);
  await commitManifest(repository, 'full', [source, ...names(10_000).map(name => file(name, 1))]);
  const damaged = await commitManifest(repository, 'damaged', [source, file('a', 6)]);
  truncateSync(manifestPath(repository, damaged), 300);
});

const diff = (...words: string[]) => run('diff', '--repository', 'repository', ...words);

test('each path that differs has a line, escaped, and the last line sums up', async () => {
  const ran = await diff('p-1', 'p-2');
  expect(ran).toMatchObject({ status: 0, stderr: '' });
  expect(ran.stdout.split('\n')).toEqual([
    'U .',
    'U a',
    '- gone\\x1b[2J',
    '+ sub/new',
    'M sub/x',
    '+ sub/\\xff',
    '2 (1.0 MiB) added, 1 (1.0 KiB) removed, 1 (4 B) changed, 2 with other attributes only',
    '',
  ]);
});

test('two backups of the same differ in nothing, which is no failure', async () => {
  const ran = await diff('p-1', 'p-1');
  expect(ran).toEqual({
    status: 0,
    stderr: '',
    stdout: '0 added, 0 removed, 0 changed, 0 with other attributes only\n',
  });
});

test('with -o json it is one value, with paths as manifests have them', async () => {
  const ran = await diff('p-1', 'p-2', '-o', 'json');
  expect(ran).toMatchObject({ status: 0, stderr: '' });
  const answer = JSON.parse(ran.stdout);
  expect(answer).toMatchObject({ ok: true, before: 'p-1', after: 'p-2', truncated: false });
  expect(answer).toMatchObject({ added: 2, removed: 1, changed: 1, attributes: 2 });
  expect(answer.bytes).toEqual({ added: 1_048_576, removed: 1_024, changed: 4 });
  expect(answer.entries).toHaveLength(6);
  expect(answer.entries.slice(2, 5)).toEqual([
    { change: 'removed', path: 'gone\x1b[2J', before: { type: 'file', size: 1_024 }, after: null },
    { change: 'added', path: 'sub/new', before: null, after: { type: 'file', size: 1_048_576 } },
    { change: 'changed', path: 'sub/x', before: { type: 'file', size: 3 }, after: { type: 'file', size: 4 } },
  ]);
  expect(answer.entries[5].path).toEqual({ base64: Buffer.from('sub/\xff', 'latin1').toString('base64') });
});

test('a JSON value has 10,000 entries at most, and counts them all', async () => {
  const whole = JSON.parse((await diff('empty', 'full', '-o', 'json')).stdout);
  expect([whole.entries.length, whole.added, whole.truncated]).toEqual([10_000, 10_000, false]);
  const cut = JSON.parse((await diff('empty', 'many', '-o', 'json')).stdout);
  expect([cut.entries.length, cut.added, cut.truncated]).toEqual([10_000, 10_001, true]);
  expect((await diff('empty', 'many')).stdout.split('\n')).toHaveLength(10_003);
});

test.each([
  [['p-1', 'p-3'], 1, 'has no backup p-3'],
  [['p-1', '../p-2'], 1, 'has no backup ../p-2'],
  [['p-1', 'damaged'], 1, 'is damaged'],
  [['p-1'], 2, "missing required argument 'after'"],
])('%j ends with %d', async (words, status, says) => {
  const ran = await diff(...words);
  expect(ran.stderr).toContain(says);
  expect(ran).toMatchObject({ status, stdout: '' });
});

test('a failure is one JSON value too', async () => {
  const ran = await diff('p-1', 'damaged', '-o', 'json');
  expect(ran.status).toBe(1);
  expect(JSON.parse(ran.stdout)).toMatchObject({ ok: false, error: { code: 'data-corrupt' } });
});

test('without a repository it is wrong usage', async () => {
  const ran = await run('diff', 'p-1', 'p-2');
  expect(ran).toMatchObject({ status: 2, stdout: '' });
  expect(ran.stderr).toContain("required option '--repository <path>' not specified");
});
