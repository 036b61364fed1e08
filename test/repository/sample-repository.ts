/**
 * A repository as the engine makes it, with three backups of two plans that share chunks: `photos-1` and `photos-2` of one
 * tree before and after a change, and `mail-1`, partial, with a list of what was left out.
 */
import { appendFileSync, linkSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SkippedList } from '../../src/engines/files/skipped-list.ts';
import { doJob } from '../../src/engines/files/tasks.ts';
import { ProgressMeter } from '../../src/engines/progress-meter.ts';
import { settleSlot } from '../../src/repository/commit-slot.ts';
import { readHeader, readManifest } from '../../src/repository/manifest-reader.ts';
import { ManifestWriter } from '../../src/repository/manifest-writer.ts';
import { openRepository, type Repository, runDirectory } from '../../src/repository/repository.ts';
import { discardRun } from '../../src/repository/run-files.ts';
import { type Described, describeTree, noise } from '../engines/files/trees.ts';

const { signal } = new AbortController();

export interface SampleBackup {
  id: string;
  plan: string;
  /** The tree that it is of. */
  tree: Map<string, Described>;
}

export interface Sample {
  repository: Repository;
  backups: SampleBackup[];
}

/** Makes it in an empty directory. */
export async function makeSample(directory: string): Promise<Sample> {
  const path = join(directory, 'repository');
  const [photos, mail] = [join(directory, 'photos'), join(directory, 'mail')];
  const backups: SampleBackup[] = [];
  const backUp = async (id: string, plan: string, source: string, leftOut: string[] = []) => {
    await backUpTree(path, id, plan, source, leftOut);
    backups.push({ id, plan, tree: describeTree(source) });
  };
  makePhotos(photos);
  await backUp('photos-1', 'photos', photos);
  changePhotos(photos);
  await backUp('photos-2', 'photos', photos);
  mkdirSync(mail);
  writeFileSync(join(mail, 'big-again'), noise(2_600_000, 'big'));
  writeFileSync(join(mail, 'inbox'), noise(300_000, 'inbox'));
  for (let index = 0; index < 6; index += 1) writeFileSync(join(mail, `letter-${index}`), `letter ${index}\n`);
  await backUp('mail-1', 'mail', mail, ['secret', 'closed']);
  return { repository: await openRepository(path), backups };
}

function makePhotos(root: string): void {
  for (const below of ['', 'small', 'medium']) mkdirSync(join(root, below));
  for (let index = 10; index < 24; index += 1)
    writeFileSync(join(root, 'small', `note-${index}`), `${index} `.repeat(index * index));
  for (let index = 1; index < 6; index += 1)
    writeFileSync(join(root, 'medium', `image-${index}`), noise(100_000 * index, `image ${index}`));
  writeFileSync(join(root, 'big'), noise(2_600_000, 'big'));
  writeFileSync(join(root, 'text'), 'all work and no play\n'.repeat(20_000));
  writeFileSync(join(root, 'empty'), '');
  writeFileSync(join(root, 'sparse'), noise(5_000, 'sparse'));
  truncateSync(join(root, 'sparse'), 1_500_000);
  linkSync(join(root, 'medium', 'image-2'), join(root, 'zz-linked'));
  symlinkSync('big', join(root, 'to-big'));
}

function changePhotos(root: string): void {
  appendFileSync(join(root, 'big'), noise(200_000, 'more'));
  writeFileSync(join(root, 'small', 'note-10'), 'changed');
  writeFileSync(join(root, 'small', 'note-24'), 'added');
  writeFileSync(join(root, 'medium', 'image-6'), noise(700_000, 'image 6'));
  rmSync(join(root, 'small', 'note-12'));
}

async function backUpTree(path: string, run: string, plan: string, source: string, leftOut: string[]): Promise<void> {
  const meter = new ProgressMeter(() => undefined);
  const job = { run, plan, source: { path: source }, repository: path, excludeDirs: [], previous: null };
  const limits = {
    tolerate: { vanished: 'any', changed: 'any', unreadable: 0 },
    guard: { minFiles: 1, maxShrinkPercent: 50 },
  } as const;
  const staged = await doJob({ task: 'backup', ...job, ...limits }, meter, signal);
  if (staged.task !== 'backup') throw new Error('not the result of a backup');
  const repository = await openRepository(path);
  const partial = leftOut.length > 0;
  const manifest = partial ? await withSkipped(repository, staged.manifest, leftOut) : staged.manifest;
  const at = new Date().toISOString();
  const outcome = partial ? 'partial' : 'completed';
  await settleSlot(repository, { slot: 'manifest', run, manifest, outcome, at }, signal);
  await discardRun(repository, run);
}

/** The same tree with a list of files that could not be read: to root, all can. */
async function withSkipped(repository: Repository, manifest: string, leftOut: string[]): Promise<string> {
  const { run, plan, source, startedAt, endedAt } = await readHeader(repository, manifest);
  const writer = new ManifestWriter(repository, run);
  for await (const line of readManifest(repository, manifest, signal)) await writer.add(line);
  const skipped = new SkippedList(join(runDirectory(repository, run), 'skipped'));
  for (const name of leftOut) skipped.add(name, 'unreadable', 'EACCES');
  const list = skipped.close();
  const header = { run, plan, source, startedAt, endedAt, skipped: skipped.counts };
  return writer.stage({ ...header, skippedList: list?.sha256 ?? null }, list?.path ?? null);
}
