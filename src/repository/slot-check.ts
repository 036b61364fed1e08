/**
 * Checks what says which backups there are: slots, and the manifests that they name with their lists of what was left out.
 *
 * 1. A manifest that no slot names, and that no run says it is staging, is that of a slot that was removed.
 * 2. Runs may commit meanwhile: whatever looks wrong by a listing is looked at once more before it is told.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FailureError } from '../core/failure.ts';
import { isId } from '../core/ids.ts';
import type { SlotContent } from '../domain/catalog.ts';
import { doomedManifests } from './backup-removal.ts';
import { readSlot } from './commit-slot.ts';
import type { DamageReport } from './damage-report.ts';
import type { ManifestHeader } from './manifest.ts';
import { checkManifest, readHeader } from './manifest-reader.ts';
import { manifestPath, type Repository } from './repository.ts';
import { checkLooseLists, checkSkippedList, isThere } from './skipped-check.ts';
import { addStranger } from './strangers.ts';

/** A backup whose slot and manifest are sound. */
export interface ReadableBackup {
  id: string;
  /** sha256 of the manifest. */
  manifest: string;
  header: ManifestHeader;
}

const hashPattern = /^[0-9a-f]{64}$/;
const copyHint = 'put back that file from a copy of the repository; the backup cannot be read without it';

/** Answers the backups that can be read, of all or of one run; those that cannot are in the report. */
export async function checkSlots(
  repository: Repository,
  report: DamageReport,
  signal: AbortSignal,
  only?: string,
): Promise<ReadableBackup[]> {
  const check = new SlotCheck(repository, report, signal);
  const stored = await readdir(join(repository.path, 'manifests'));
  for (const run of (await readdir(join(repository.path, 'slots'))).filter(isId))
    if (only === undefined || run === only) await check.slot(run);
  const staged = await stagedManifests(repository);
  const doomed = await doomedManifests(repository);
  const isAccounted = (manifest: string) => check.named.has(manifest) || staged.has(manifest) || doomed.has(manifest);
  for (const name of stored) if (hashPattern.test(name) && !isAccounted(name)) await check.unnamed(name, only);
  if (only === undefined) await checkLooseLists(repository, report, stored, isAccounted);
  return check.readable;
}

class SlotCheck {
  readonly readable: ReadableBackup[] = [];
  /** Manifests of a slot, or of one that was removed. */
  readonly named = new Set<string>();
  readonly #repository: Repository;
  readonly #report: DamageReport;
  readonly #signal: AbortSignal;
  readonly #damagedSlots = new Set<string>();

  constructor(repository: Repository, report: DamageReport, signal: AbortSignal) {
    this.#repository = repository;
    this.#report = report;
    this.#signal = signal;
  }

  async slot(run: string): Promise<void> {
    this.#signal.throwIfAborted();
    const slot = await wrongOr(() => readSlot(this.#repository, run));
    if (typeof slot === 'string') {
      this.#damagedSlots.add(run);
      this.#report.add('slot', `slots/${run}`, slot, copyHint);
    } else if (slot?.slot === 'manifest') await this.#manifest(run, slot);
  }

  async #manifest(run: string, { manifest }: SlotContent & { slot: 'manifest' }): Promise<void> {
    this.named.add(manifest);
    const header = await this.#soundHeader(manifest);
    const why = typeof header === 'string' ? header : header.run === run ? undefined : `it is of the run ${header.run}`;
    if (typeof header !== 'string' && why === undefined) {
      this.readable.push({ id: run, manifest, header });
      return checkSkippedList(this.#repository, this.#report, manifest, header, this.#signal);
    }
    this.#report.add('manifest', `manifests/${manifest}`, why ?? '', copyHint);
    const plan = await wrongOr(() => readHeader(this.#repository, manifest));
    this.#report.addLost(run, typeof plan === 'string' ? null : plan.plan, why ?? '');
  }

  /** A manifest that no slot names, unless one does by now (2). With `only`, one of another run is passed over. */
  async unnamed(manifest: string, only: string | undefined): Promise<void> {
    const header = await this.#soundHeader(manifest);
    if (typeof header === 'string') {
      if (only === undefined && (await isThere(manifestPath(this.#repository, manifest))))
        addStranger(this.#report, `manifests/${manifest}`, `no slot names it, and ${header}`);
      return;
    }
    const { run, plan } = header;
    if (only !== undefined && run !== only) return;
    const slot = isId(run) ? await wrongOr(() => readSlot(this.#repository, run)) : 'none';
    if (typeof slot === 'object') {
      const isNamed = slot.slot === 'manifest' && slot.manifest === manifest;
      const isLeft = !isNamed && (await isThere(manifestPath(this.#repository, manifest)));
      if (isLeft)
        addStranger(this.#report, `manifests/${manifest}`, `no slot names it: that of its run ${run} holds another`);
      return;
    }
    this.named.add(manifest);
    const isDamaged = this.#damagedSlots.has(run);
    if (!isDamaged) {
      const why = `it is gone: ${manifest}, a manifest of that run, is there`;
      this.#report.add('slot', `slots/${run}`, why, copyHint);
    }
    this.#report.addLost(run, plan, isDamaged ? 'its slot is damaged' : 'its slot is gone');
    await checkSkippedList(this.#repository, this.#report, manifest, header, this.#signal);
  }

  /** The header of a manifest that has the hash that is its name, or what is wrong with it. */
  #soundHeader(manifest: string): Promise<ManifestHeader | string> {
    return wrongOr(async () => {
      await checkManifest(this.#repository, manifest, this.#signal);
      return readHeader(this.#repository, manifest);
    });
  }
}

/** What `read` answers, or, where it found the file damaged, how. */
async function wrongOr<T>(read: () => Promise<T>): Promise<T | string> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof FailureError && error.failure.code === 'data-corrupt') return error.failure.message;
    throw error;
  }
}

/** What runs say that they are staging. */
async function stagedManifests(repository: Repository): Promise<Set<string>> {
  const top = join(repository.path, 'tmp');
  const staged = new Set<string>();
  for (const run of await readdir(top))
    for (const name of await readdir(join(top, run, 'staged')).catch(() => [])) staged.add(name);
  return staged;
}
