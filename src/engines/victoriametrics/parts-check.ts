/**
 * Holds a backup against itself: each part has its size, the file's size and its offset in its name, so that a part that
 * is cut, torn or missing inside its file is seen; a whole file that is missing is seen by the totals of the catalog.
 * What a part holds is not read.
 */
import { access, opendir, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { completeMarker, partName } from './facts.ts';

export interface PartsJob {
  path: string;
  /** What the backup has, as it was counted when it was made. */
  bytes: number;
  files: number;
}

export interface PartsFound {
  bytes: number;
  files: number;
  damagedCount: number;
  /** The first of them, in words. */
  damaged: string[];
}

interface Part {
  fileSize: number;
  offset: number;
  size: number;
}

const toldMax = 20;

/** Rejects with the file system's error where the backup cannot be read at all. */
export async function checkParts(job: PartsJob, onProgress: (found: PartsFound) => void): Promise<PartsFound> {
  const found: PartsFound = { bytes: 0, files: 0, damagedCount: 0, damaged: [] };
  const damage = (what: string) => {
    found.damagedCount += 1;
    if (found.damaged.length < toldMax) found.damaged.push(what);
  };
  await access(join(job.path, completeMarker)).catch(() => damage(`${completeMarker} is missing`));
  await walk(job.path, async (directory, names) => {
    const name = relative(job.path, directory);
    for (const what of await checkFile(directory, names, found)) damage(`${name}: ${what}`);
    onProgress(found);
  });
  if (found.files !== job.files) damage(`it has ${found.files} parts instead of ${job.files}`);
  else if (found.bytes !== job.bytes) damage(`it has ${found.bytes} bytes instead of ${job.bytes}`);
  return found;
}

/** Calls `visit` for each directory that stands for a file, with the names of its parts. */
async function walk(top: string, visit: (directory: string, names: string[]) => Promise<void>): Promise<void> {
  const waiting = [top];
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    const names: string[] = [];
    for await (const entry of await opendir(directory)) {
      if (entry.isDirectory()) waiting.push(join(directory, entry.name));
      else if (partName.test(entry.name)) names.push(entry.name);
    }
    if (names.length > 0) await visit(directory, names);
  }
}

async function checkFile(directory: string, names: string[], found: PartsFound): Promise<string[]> {
  const wrong: string[] = [];
  const parts: Part[] = [];
  for (const name of names) {
    const part = partOf(name);
    const { size } = await stat(join(directory, name));
    if (size !== part.size) wrong.push(`the part ${name} has ${size} bytes instead of ${part.size}`);
    parts.push(part);
    found.files += 1;
    found.bytes += size;
  }
  parts.sort((one, other) => one.offset - other.offset);
  let end = 0;
  for (const { offset, size } of parts) {
    if (offset > end) wrong.push(`no part has its bytes ${end} to ${offset}`);
    if (offset < end) wrong.push(`two parts have its bytes ${offset} to ${end}`);
    end = offset + size;
  }
  const fileSize = parts[0]?.fileSize ?? 0;
  if (end !== fileSize) wrong.push(`its parts end at byte ${end} of ${fileSize}`);
  return wrong;
}

function partOf(name: string): Part {
  const [, fileSize = '', offset = '', size = ''] = partName.exec(name) ?? [];
  return {
    fileSize: Number.parseInt(fileSize, 16),
    offset: Number.parseInt(offset, 16),
    size: Number.parseInt(size, 16),
  };
}
