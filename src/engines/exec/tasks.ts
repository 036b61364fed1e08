/** Does a job of this engine: what touches a repository is done in a process that can be stopped, as a disk may hang. */
import { lstat, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { failpoint } from '../../core/failpoint.ts';
import type { SlotContent } from '../../domain/catalog.ts';
import { atRepository } from '../../repository/repository-failure.ts';
import { readSlotFile, settleSlotFile } from '../../repository/slot-file.ts';
import { permanent } from '../failures.ts';
import { countTree } from '../tree.ts';
import { type BackupPlace, makePlanDirectory, placeOf } from './backup-place.ts';
import type { Job, JobOf, Results } from './job.ts';
import { type Counted, compareListing, writeListing } from './listing.ts';

export async function doJob(
  job: Job,
  onFile: (counted: Counted) => void,
  signal: AbortSignal,
): Promise<Results[Job['task']]> {
  const place = placeOf(job.repository, job.plan, job.run);
  const at = new Date().toISOString();
  switch (job.task) {
    case 'seal':
      return await atRepository(job.repository, () => seal(place, job.proof, onFile, signal));
    case 'commit':
      return await settle(place, { slot: 'manifest', run: job.run, manifest: job.run, outcome: job.outcome, at });
    case 'void':
      return await voided(place, { slot: 'void', run: job.run, epoch: job.epoch, at });
    case 'verify':
      return await atRepository(job.repository, () => verify(place, onFile, signal));
    case 'discard':
      return await atRepository(job.repository, () => discard(place));
    case 'prune':
      return await atRepository(job.repository, () => prune(job, onFile, signal));
  }
}

/** What will never be a backup goes at once: many runs may end together, and each process that is spared counts. */
async function voided(place: BackupPlace, wanted: SlotContent): Promise<SlotContent> {
  await makePlanDirectory(place);
  const content = await settle(place, wanted);
  // What is decided stays decided where this fails: the clean-up finds what is left and tries again.
  if (content.slot === 'void') await discard(place).catch(() => undefined);
  return content;
}

async function seal(
  { output, listing, slot }: BackupPlace,
  proof: string | null,
  onFile: (counted: Counted) => void,
  signal: AbortSignal,
): Promise<null> {
  if (proof !== null && !(await isFile(join(output, proof))))
    throw permanent(
      'proof-missing',
      `the command ended well and left no file ${proof} in its output: nothing shows that the backup is whole`,
      "see its log with: reeve logs; the file is what `proof` of the agent's file names",
    );
  await writeListing(slot.run, output, listing, onFile, signal);
  return null;
}

async function settle({ repository, slot, listing }: BackupPlace, wanted: SlotContent): Promise<SlotContent> {
  return await atRepository(repository, async () => {
    const isOpen = (await readSlotFile(slot)) === undefined;
    if (isOpen && wanted.slot === 'manifest' && !(await isFile(listing)))
      throw permanent('proof-missing', `the backup ${slot.run} has no listing`, 'start the backup again');
    return await settleSlotFile(slot, wanted);
  });
}

async function verify(
  { output, listing, slot }: BackupPlace,
  onFile: (counted: Counted) => void,
  signal: AbortSignal,
): Promise<Results['verify']> {
  const counted = { files: 0, bytes: 0 };
  const count = ({ files, bytes }: Counted) => onFile(Object.assign(counted, { files, bytes }));
  const difference = await compareListing(slot.run, output, listing, count, signal);
  return { ...counted, difference };
}

/** Only what a slot that is there says: what it does not name is removed, and what is not decided stays. */
async function discard({ output, listing, slot }: BackupPlace): Promise<string[]> {
  const content = await readSlotFile(slot);
  if (content === undefined) return [`${output}: its commit slot is not decided`];
  if (content.slot === 'void')
    for (const path of [output, listing, `${listing}.next`]) await rm(path, { recursive: true, force: true });
  for (const name of await readdir(slot.drafts))
    if (name.startsWith(slot.draftPrefix)) await rm(join(dirname(slot.path), name), { force: true });
  return [];
}

/** The slot goes first: from then on the repository itself lists no half of a backup. */
async function prune(
  { repository, plan, backups }: JobOf<'prune'>,
  onFile: (counted: Counted) => void,
  signal: AbortSignal,
): Promise<Results['prune']> {
  await readdir(join(repository, plan)); // where its disk is not mounted nothing is gone
  const done = { files: 0, bytes: 0 };
  for (const backup of backups) {
    signal.throwIfAborted();
    const { output, listing, slot } = placeOf(repository, plan, backup);
    await rm(slot.path, { force: true });
    failpoint('exec.slot-removed');
    const counted = await countTree(output).catch(() => ({ files: 0, bytes: 0 })); // it was removed before
    await rm(output, { recursive: true, force: true });
    await rm(listing, { force: true });
    done.files += counted.files;
    done.bytes += counted.bytes;
    onFile(done);
  }
  return { bytesFreed: done.bytes };
}

async function isFile(path: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => undefined);
  return stats?.isFile() === true;
}
