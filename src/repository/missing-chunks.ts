/** Tells which packs had the chunks that no pack has, as far as the index remembers them. */
import { stat } from 'node:fs/promises';
import type { DamageReport } from './damage-report.ts';
import { chunksOf } from './frame.ts';
import { decodeTable, type PlacedFrame } from './pack.ts';
import { addPack } from './pack-check.ts';
import { type IndexedPack, indexedPacks } from './pack-list.ts';
import { packPath, type Repository } from './repository.ts';
import { errorCode } from './repository-failure.ts';

const hint = 'restore the files without it from another backup; the next backup stores it again if its source has it';

/** Packs that are in `told` are known as damaged already. Chunks that no index file has are told one by one. */
export async function tellMissing(
  repository: Repository,
  report: DamageReport,
  missing: ReadonlySet<string>,
  told: ReadonlySet<string>,
): Promise<void> {
  const unexplained = new Set(missing);
  const seen = new Set(told);
  for await (const pack of indexedPacks(repository)) {
    if (!takeFrom(unexplained, missing, pack) || seen.has(pack.id)) continue;
    seen.add(pack.id);
    const bytes = await sizeOf(packPath(repository, pack.id));
    if (bytes === undefined) addPack(report, pack.id, 'it is gone');
    else if (bytes !== pack.bytes) addPack(report, pack.id, `it has ${bytes} bytes, the index says ${pack.bytes}`);
    else addPack(report, pack.id, 'its table in the index is damaged');
  }
  for (const sha256 of unexplained) report.add('chunk', sha256, 'no pack has it', hint);
}

/** Takes the chunks of a pack out; true where one of those that are missing is among them. */
function takeFrom(unexplained: Set<string>, missing: ReadonlySet<string>, { table, count }: IndexedPack): boolean {
  let found = false;
  for (const { head } of framesOf(table, count))
    for (const { sha256 } of chunksOf(head)) {
      const name = sha256.toString('hex');
      if (!missing.has(name)) continue;
      found = true;
      unexplained.delete(name);
    }
  return found;
}

function framesOf(table: Buffer, count: number): PlacedFrame[] {
  try {
    return decodeTable(table, count);
  } catch {
    return [];
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
