import { appendFile, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { JournalFile } from '../../src/runtime/journal-file.ts';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'reeve-journal-'));
  path = join(directory, 'data', 'journal.ndjson');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test('what was appended is read in order by another that opens the file, and before there is a file there is nothing', async () => {
  const journal = new JournalFile(path);
  expect(await journal.read()).toEqual([]);
  await Promise.all(Array.from({ length: 100 }, (_, n) => journal.append({ n })));
  await journal.append({ n: 100 });
  await journal.close();
  const lines = (await new JournalFile(path).read()) as { n: number }[];
  expect(lines.map(({ n }) => n)).toEqual(Array.from({ length: 101 }, (_, n) => n));
});

test('a line that a crash tore is passed over, and what is appended after it is kept', async () => {
  const journal = new JournalFile(path);
  await journal.append({ n: 1 });
  await journal.close();
  await appendFile(path, '{"n":2,"torn');
  const next = new JournalFile(path);
  await next.append({ n: 3 });
  await next.close();
  expect(await next.read()).toEqual([{ n: 1 }, { n: 3 }]);
});

test('a disk without room is told to whoever appends, and once it has room the next line is whole', async () => {
  await writeFile(join(directory, 'room'), '{"n":1}\n{"torn');
  path = join(directory, 'journal.ndjson');
  await symlink('/dev/full', path);
  const journal = new JournalFile(path);
  await expect(journal.append({ n: 2 })).rejects.toMatchObject({ code: 'ENOSPC' });
  await rm(path);
  await symlink(join(directory, 'room'), path);
  await journal.append({ n: 3 });
  await journal.close();
  expect(await journal.read()).toEqual([{ n: 1 }, { n: 3 }]);
});

test('a data directory that is no directory is an error, not a lost line', async () => {
  await writeFile(join(directory, 'data'), 'a file');
  await expect(new JournalFile(path).append({ n: 1 })).rejects.toMatchObject({ code: 'EEXIST' });
});

test('lines that are appended while the file is replaced are not lost with the one that it was', async () => {
  const journal = new JournalFile(path);
  await journal.append({ n: 1 });
  const kept: object[] = [{ n: 'kept' }];
  const work: Promise<void>[] = [];
  for (let n = 2; n < 50; n += 1) {
    work.push(journal.append({ n }));
    if (n % 10 === 0) work.push(journal.replace(() => [...kept]));
  }
  await Promise.all(work);
  const lines = (await journal.read()) as { n: unknown }[];
  expect(lines[0]).toEqual({ n: 'kept' });
  await journal.append({ n: 'last' });
  await journal.close();
  expect(((await journal.read()) as { n: unknown }[]).at(-1)).toEqual({ n: 'last' });
});

test('an append that is under way when a replacement is asked for comes before it, and its line is the replacement’s to keep', async () => {
  const journal = new JournalFile(path);
  const values: object[] = [];
  const appended = journal.append({ n: 1 }).then(() => values.push({ n: 1 }));
  const replaced = journal.replace(() => values);
  await Promise.all([appended, replaced]);
  expect(await journal.read()).toEqual([{ n: 1 }]);
  await journal.close();
});

test('a replacement by nothing leaves an empty file, and none where there was none', async () => {
  const journal = new JournalFile(path);
  await journal.replace(() => []);
  await journal.append({ n: 1 });
  await journal.replace(() => []);
  expect(await readFile(path, 'utf8')).toBe('');
  await journal.append({ n: 2 });
  await journal.close();
  expect(await journal.read()).toEqual([{ n: 2 }]);
});
