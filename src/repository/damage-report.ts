/**
 * What a check of a repository found: each damage by the file that has it, and each backup with the files of it that
 * cannot be restored whole. It stays small, whatever is wrong: all is counted, and the first of it is kept.
 */
import { type BytePath, printablePath } from './byte-path.ts';

export type DamagedPart = 'repository' | 'slot' | 'manifest' | 'skipped-list' | 'index' | 'pack' | 'chunk' | 'stranger';

export interface Damage {
  what: DamagedPart;
  /** The file's path below the repository, or a chunk's hash. It may come from anybody: escape it where it is shown. */
  name: string;
  why: string;
  /** What to do next. */
  hint: string;
}

/** The first in the order of the manifest, escaped for people. */
export interface DamagedFiles {
  count: number;
  first: string[];
}

export interface CheckedBackup {
  /** The id of its run. */
  id: string;
  /** Null where no manifest says. */
  plan: string | null;
  /** Not all of it can be restored. */
  damaged: boolean;
  /** Why none of it can: there where its slot or its manifest is damaged. Then `files` is empty. */
  why?: string;
  /** Files that cannot be restored whole. */
  files: DamagedFiles;
}

const damagesMax = 100;
const filesMax = 20;
/** Of what a damaged file holds, or is named. */
const textMax = 500;

export class DamageReport {
  readonly damages: { count: number; first: Damage[] } = { count: 0, first: [] };
  readonly backups: CheckedBackup[] = [];

  add(what: DamagedPart, name: string, why: string, hint: string): void {
    this.damages.count += 1;
    if (this.damages.first.length < damagesMax)
      this.damages.first.push({ what, name: shortened(name), why: shortened(why), hint });
  }

  /** A backup of which nothing can be restored. */
  addLost(id: string, plan: string | null, why: string): void {
    this.backups.push({ id, plan, damaged: true, why: shortened(why), files: { count: 0, first: [] } });
  }

  /** A backup that can be read; what is found of its files is added to the answer. */
  addBackup(id: string, plan: string): CheckedBackup {
    const backup: CheckedBackup = { id, plan, damaged: false, files: { count: 0, first: [] } };
    this.backups.push(backup);
    return backup;
  }
}

/** Counts a file of a backup as damaged. */
export function addFile(backup: CheckedBackup, path: BytePath): void {
  backup.damaged = true;
  backup.files.count += 1;
  if (backup.files.first.length < filesMax) backup.files.first.push(printablePath(path));
}

function shortened(text: string): string {
  return text.length <= textMax ? text : `${text.slice(0, textMax)}...`;
}
