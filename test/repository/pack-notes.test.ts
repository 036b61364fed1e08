import { appendFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { notePack, OtherWriters, type PackNote } from '../../src/repository/pack-notes.ts';
import { openOrCreateRepository, type Repository, runDirectory } from '../../src/repository/repository.ts';
import { scratch } from '../engines/files/engine-process.ts';

const note = (run: string, letter: string, is: PackNote['is'] = 'named'): PackNote => ({
  run,
  id: letter.repeat(32),
  is,
});

async function writers(...runs: string[]): Promise<{ repository: Repository; others: OtherWriters }> {
  const repository = await openOrCreateRepository(join(scratch(onTestFinished), 'repository'));
  for (const run of runs) mkdirSync(runDirectory(repository, run));
  const others = new OtherWriters(repository, 'mine');
  onTestFinished(() => others.close());
  return { repository, others };
}

test('what each of the others noted is seen once, in its order, and what the run noted itself is not', async () => {
  const { repository, others } = await writers('mine', 'one', 'two');
  expect(others.look()).toEqual([]);
  const notes = [note('one', 'a', 'whole'), note('one', 'a'), note('two', 'b')];
  for (const each of [...notes, note('mine', 'c')]) notePack(repository, each);
  expect(others.look()).toEqual(notes);
  expect(others.look()).toEqual([]);
});

test('the last notes of a run that ended meanwhile are seen', async () => {
  const { repository, others } = await writers('one');
  notePack(repository, note('one', 'a'));
  others.look();
  notePack(repository, note('one', 'b'));
  rmSync(runDirectory(repository, 'one'), { recursive: true });
  expect(others.look()).toEqual([note('one', 'b')]);
  expect(others.look()).toEqual([]);
});

test('a line waits until it is whole, and one that is none is passed over', async () => {
  const { repository, others } = await writers('one');
  const list = join(runDirectory(repository, 'one'), 'packs');
  appendFileSync(list, `../${'a'.repeat(30)} named\n\n${'b'.repeat(32)} nam`);
  expect(others.look()).toEqual([]);
  appendFileSync(list, 'ed\n');
  expect(others.look()).toEqual([note('one', 'b')]);
});

test('a note that cannot be written fails nothing, and files that are no run are passed over', async () => {
  const { repository, others } = await writers();
  appendFileSync(join(repository.path, 'tmp', 'repository-0123'), '');
  notePack(repository, note('gone', 'a'));
  expect(others.look()).toEqual([]);
});
