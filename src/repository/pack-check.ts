/**
 * Checks packs, one after the other: the head, the table, the index against the table, and every frame of those whose
 * data is wanted, read from front to back with room for one frame. Nothing stands in a pack that is not looked at then.
 * A pack that no backup needs, as a crash leaves them, is no damage, but it must be whole: a backup to come may use it.
 */
import { closeSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import type { DamageReport } from './damage-report.ts';
import { encodeHead, frameBytesMax, headBytes, headBytesMax } from './frame.ts';
import { encodeTable, type PlacedFrame } from './pack.ts';
import { type ListDamage, type ListedPack, listPacks, readTail } from './pack-list.ts';
import { allPackSizes, condemnedPacks, openPack } from './pack-names.ts';
import { readAt } from './read-at.ts';
import type { Repository } from './repository.ts';
import { errorCode, repositoryError } from './repository-failure.ts';
import { proveFrame } from './salvage.ts';

/** Of how many packs the data is read: of none, of all, or of a share in percent, chosen at random. */
export type CheckedData = 'structure' | 'all' | number;

export interface PackCheckOptions {
  repository: Repository;
  report: DamageReport;
  data: CheckedData;
  /** Packs that the backups need. */
  needed: ReadonlySet<string>;
  /** Look at those alone. */
  onlyNeeded: boolean;
  /** From 0 up to, and without, 1. */
  random: () => number;
  signal: AbortSignal;
  /** Told of the packs whose data is read, after each frame. */
  onProgress?: (done: CheckProgress) => void;
}

/** Bytes of packs whose data was read, and of all whose data is to be. */
export interface CheckProgress {
  bytes: number;
  bytesTotal: number;
}

export interface CheckedPacks {
  packs: number;
  bytes: number;
  /** Packs of which anything is wrong, and that are in the report. */
  suspects: Set<string>;
}

const hint =
  'put back that file from a copy of the repository; without one, make an empty file of the same name with ".damaged" behind it, and leave both: the next backup stores again what its source still has';

export async function checkPacks(options: PackCheckOptions): Promise<CheckedPacks> {
  const { repository, report, needed, onlyNeeded, signal } = options;
  const checked: CheckedPacks = { packs: 0, bytes: 0, suspects: new Set() };
  const { isRead, bytesTotal } = await chosenPacks(options);
  const progress = { bytes: 0, bytesTotal };
  const unindexed = new Set<string>();
  // Nobody will count on those that are condemned, unless a backup does already.
  const condemned = new Set((await condemnedPacks(repository)).map(({ id }) => id));
  const isPassedOver = (id: string) => (onlyNeeded || condemned.has(id)) && !needed.has(id);
  const onDamage = ({ what, name, why }: ListDamage) => {
    if (what === 'index') return addIndex(report, name, why);
    // What is needed of one may be behind its damage, and is found by missing-chunks.ts then.
    if (isPassedOver(name)) return;
    addPack(report, name, why);
    checked.suspects.add(name);
  };
  for await (const pack of listPacks(repository, onDamage, 'all')) {
    signal.throwIfAborted();
    if (isPassedOver(pack.id)) continue;
    checked.packs += 1;
    checked.bytes += pack.bytes;
    if (!pack.indexed && needed.has(pack.id)) unindexed.add(pack.id);
    const wrong = pack.indexed ? structureOf(repository, pack) : undefined;
    if (wrong !== undefined) addPack(report, pack.id, wrong);
    const isSound = !isRead(pack.id) || (await checkFrames(options, pack, progress));
    if (wrong !== undefined || !isSound) checked.suspects.add(pack.id);
    await setImmediate();
  }
  await checkIndexed(options, unindexed);
  return checked;
}

export function addPack(report: DamageReport, id: string, why: string): void {
  report.add('pack', `packs/${id.slice(0, 2)}/${id}`, why, hint);
}

function addIndex(report: DamageReport, name: string, why: string): void {
  // Of another name: a stranger, which is told as one.
  if (!/^[0-9a-f]{64}$/.test(name)) return;
  report.add('index', `index/${name}`, why, 'remove it: the next backup makes it anew from the packs');
}

/** What the index has of a pack, against the pack itself. */
function structureOf(repository: Repository, { id, bytes, frames }: ListedPack): string | undefined {
  const found = readTail(repository, id, bytes);
  if (typeof found === 'string') return found;
  return encodeTable(found).equals(encodeTable(frames)) ? undefined : 'its table is not the one that the index has';
}

/** True where all frames are sound; the others are told, each. */
async function checkFrames(
  options: PackCheckOptions,
  { id, bytes, frames }: ListedPack,
  progress: CheckProgress,
): Promise<boolean> {
  const { repository, report, signal, onProgress } = options;
  const end = progress.bytes + bytes;
  let sound = true;
  let file: number;
  try {
    file = openPack(repository, id);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw repositoryError(repository.path, error);
    addPack(report, id, 'it is gone');
    return false;
  }
  try {
    for (const frame of frames) {
      signal.throwIfAborted();
      const wrong = frameDamage(file, frame);
      if (wrong !== undefined) addPack(report, id, `its frame at ${frame.at}: ${wrong}`);
      sound &&= wrong === undefined;
      progress.bytes += headBytes(frame.head) + frame.head.storedBytes;
      onProgress?.(progress);
      await setImmediate();
    }
  } finally {
    closeSync(file);
  }
  progress.bytes = end;
  onProgress?.(progress);
  return sound;
}

const room = Buffer.allocUnsafeSlow(headBytesMax + frameBytesMax);

function frameDamage(file: number, { at, head }: PlacedFrame): string | undefined {
  try {
    const headEnd = headBytes(head);
    const bytes = readAt(file, room.subarray(0, headEnd + head.storedBytes), at);
    if (!bytes.subarray(0, headEnd).equals(encodeHead(head))) return 'its head is not the one that the table has';
    proveFrame(head, bytes.subarray(headEnd));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A run may index its packs meanwhile, and put many index files into one: what was not indexed is looked at once more. */
async function checkIndexed({ repository, report }: PackCheckOptions, unindexed: Set<string>): Promise<void> {
  if (unindexed.size === 0) return;
  let count = 0;
  for await (const pack of listPacks(repository, undefined, 'all'))
    if (!pack.indexed && unindexed.has(pack.id)) count += 1;
  if (count === 0) return;
  const why = `${count} packs that backups need are in no file of it, such as packs/${[...unindexed][0]?.slice(0, 2)}/${[...unindexed][0]}`;
  report.add('index', 'index', why, 'nothing is lost: the next backup puts them into it again');
}

/** Which packs are read whole, and their bytes. */
async function chosenPacks({ repository, data, needed, onlyNeeded, random }: PackCheckOptions) {
  const sizes = data === 'structure' ? new Map<string, number>() : await allPackSizes(repository);
  const ids = [...sizes.keys()].filter(id => !onlyNeeded || needed.has(id));
  const chosen = new Set(typeof data === 'number' ? someOf(ids, Math.ceil((ids.length * data) / 100), random) : ids);
  let bytesTotal = 0;
  for (const id of chosen) bytesTotal += sizes.get(id) ?? 0;
  return { isRead: (id: string) => chosen.has(id), bytesTotal };
}

/** So many of a list, each once. */
function someOf<T>(list: readonly T[], count: number, random: () => number): T[] {
  const some = [...list];
  for (let at = 0; at < Math.min(count, some.length); at += 1) {
    const other = at + Math.floor(random() * (some.length - at));
    [some[at], some[other]] = [some[other] as T, some[at] as T];
  }
  return some.slice(0, count);
}
