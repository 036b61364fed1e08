/**
 * Files that a repository does not have by their names, such as a copy that somebody made beside an original: nothing
 * reads them, and they are told so that nobody counts on them.
 */
import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isId } from '../core/ids.ts';
import type { DamageReport } from './damage-report.ts';
import { markedBy } from './damaged-packs.ts';
import { packNamed } from './pack-names.ts';
import type { Repository } from './repository.ts';
import { removedBy } from './slot-file.ts';

const places: Record<string, (name: string) => boolean> = {
  index: name => /^[0-9a-f]{64}$/.test(name),
  manifests: name => /^[0-9a-f]{64}(\.skipped)?$/.test(name),
  slots: name => isId(removedBy(name) ?? name),
};

/** Tells what stands in packs/, index/, manifests/ and slots/ and is, by its name or its kind, none of theirs. */
export async function checkNames(repository: Repository, report: DamageReport): Promise<void> {
  const entriesOf = (place: string) => readdir(join(repository.path, place), { withFileTypes: true });
  for (const [place, isName] of Object.entries(places))
    for (const entry of await entriesOf(place)) checkEntry(report, place, entry, isName);
  for (const entry of await entriesOf('packs')) {
    if (!(entry.isDirectory() && /^[0-9a-f]{2}$/.test(entry.name))) addStranger(report, `packs/${entry.name}`);
    else
      for (const pack of await entriesOf(join('packs', entry.name)))
        checkEntry(
          report,
          `packs/${entry.name}`,
          pack,
          name => packNamed(markedBy(name) ?? name) !== undefined && name.startsWith(entry.name),
        );
  }
}

/** Told also of files that have a name, and that nothing names. */
export function addStranger(report: DamageReport, name: string, why = 'no file of a repository has this name'): void {
  report.add('stranger', name, why, 'nothing reads it: move it out of the repository');
}

function checkEntry(report: DamageReport, place: string, entry: Dirent, isName: (name: string) => boolean): void {
  if (!isName(entry.name)) addStranger(report, `${place}/${entry.name}`);
  else if (!entry.isFile()) addStranger(report, `${place}/${entry.name}`, 'it is not a plain file');
}
