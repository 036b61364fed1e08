import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { FailureError } from '../../src/core/failure.ts';
import { findBackup } from '../../src/repository/backup-list.ts';
import { openRepository, type Repository } from '../../src/repository/repository.ts';
import { checkRepository, type RepositoryCheck } from '../../src/repository/repository-check.ts';
import { restoreBackup } from '../../src/repository/restore.ts';
import { describeTree } from '../engines/files/trees.ts';
import { Dice } from '../support/dice.ts';
import { repetitions } from '../support/repetitions.ts';
import { readPlainly } from './plain-reading.ts';
import { damageKinds, fileKinds, StoredFiles } from './random-damage.ts';
import { makeSample, type SampleBackup } from './sample-repository.ts';

const { signal } = new AbortController();
/** A whole restore starts threads, which takes longer than all else: in one of so many backups. */
const restoredShare = process.env.REEVE_SOAK === '1' ? 0.3 : 0.03;

/** What `read` answers, or undefined where it ends with a failure; anything else that it throws is a defect. */
async function unlessFailed<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    expect(error.failure.code).toMatch(/^(data-corrupt|backup-missing)$/);
    return undefined;
  }
}

/** Holds what the check says of a backup against a plain reading of it, whose files must be right or told as lost. */
async function judge(
  repository: Repository,
  { id, tree }: SampleBackup,
  { backups, damages }: RepositoryCheck,
): Promise<boolean> {
  const said = backups.find(backup => backup.id === id);
  const read = await unlessFailed(async () => readPlainly(repository, (await findBackup(repository, id)).manifest));
  if (!read) {
    // Without its slot and its manifest nothing says that it was a backup: then the slot is all that can be named.
    if (said) expect(said, id).toMatchObject({ damaged: true, why: expect.any(String), files: { count: 0 } });
    else expect(damages.first).toContainEqual(expect.objectContaining({ what: 'slot', name: `slots/${id}` }));
    return false;
  }
  const { lost, contents } = read;
  for (const [path, sha256] of contents)
    if (sha256 !== null) expect(sha256, `the content of ${path} in ${id}`).toBe(tree.get(path)?.content);
  expect(contents.size).toBe([...tree.values()].filter(({ type }) => type === 'file').length);
  expect(said).toMatchObject({ id, damaged: lost.length > 0, files: { count: lost.length, first: lost.slice(0, 20) } });
  return lost.length === 0;
}

/** A restore brings the tree back as it was, or fails. */
async function restores(
  repository: Repository,
  { id, tree }: SampleBackup,
  isWhole: boolean,
  to: string,
): Promise<void> {
  rmSync(to, { recursive: true, force: true });
  const back = await unlessFailed(async () => {
    const { manifest } = await findBackup(repository, id);
    await restoreBackup({ repository, manifest, to, include: [], signal });
    return describeTree(to);
  });
  expect(back && [...back], id).toEqual(isWhole ? [...tree] : undefined);
}

/** Answers how many backups are not whole. */
async function isTold(path: string, backups: SampleBackup[], dice: Dice, to: string): Promise<number> {
  const opened = await openRepository(path).catch((error: FailureError) => error.failure);
  if ('code' in opened) {
    expect(opened.code).toBe('repository-unreachable');
    return backups.length;
  }
  const check = await checkRepository({ repository: opened, data: 'all', signal });
  expect(check.damages.count).toBeGreaterThan(0);
  let damaged = 0;
  for (const backup of backups) {
    const isWhole = await judge(opened, backup, check);
    if (dice.chance(restoredShare)) await restores(opened, backup, isWhole, to);
    if (!isWhole) damaged += 1;
  }
  return damaged;
}

test('any single damage is told, with just the backups and files that cannot be restored for it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'reeve-damage-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const { repository, backups } = await makeSample(directory);
  const files = new StoredFiles(repository.path);
  const seen = new Map<string, number>();
  const rounds = repetitions(1_000, 16);
  for (let [round, seed] = [0, 1]; round < rounds; seed += 1) {
    const dice = new Dice(seed);
    const damage = files.damage(dice);
    if (!damage) continue;
    round += 1;
    try {
      const damaged = await isTold(repository.path, backups, dice, join(directory, 'restored'));
      for (const word of [damage.kind, damage.file, `${damaged} damaged`]) seen.set(word, (seen.get(word) ?? 0) + 1);
    } catch (error) {
      throw new Error(`seed ${seed}, ${damage.what}: ${(error as Error).message}`, { cause: error });
    }
    files.restore();
  }
  expect([...seen.keys()]).toEqual(
    expect.arrayContaining([...damageKinds, ...fileKinds, '0 damaged', '1 damaged', '3 damaged']),
  );
  expect((await checkRepository({ repository, data: 'all', signal })).damages.first).toEqual([]);
});
