/**
 * The listing of a backup: a line of JSON for its run, one for each entry, and a last one with the hash of all before it.
 * It is written once everything that it names is synced, so a slot that comes after it names a backup that is whole.
 */
import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { type FileHandle, open, readlink, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { bytePathOf, type JsonPath, jsonOfPath, pathOfJson, printablePath } from '../../repository/byte-path.ts';
import { syncDirectory } from '../../repository/durable-file.ts';
import { corrupt } from '../../repository/repository-failure.ts';
import { type TreeEntry, walkTree } from '../tree.ts';

export interface Counted {
  files: number;
  bytes: number;
}
type OnFile = (counted: Counted) => void;

/** Hashes and syncs everything below `output`, then writes the listing, over one that an attempt before left. */
export async function writeListing(run: string, output: string, listing: string, onFile: OnFile, signal: AbortSignal) {
  const next = `${listing}.next`;
  const hash = createHash('sha256');
  const file = await open(next, 'w', 0o600);
  try {
    const write = async (line: string) => {
      hash.update(line);
      await file.writeFile(line);
    };
    await write(`${JSON.stringify({ version: 1, run })}\n`);
    for await (const line of linesOf(output, onFile, signal, true)) await write(line);
    await file.writeFile(`${JSON.stringify({ sha256: hash.digest('hex') })}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(next, listing);
  await syncDirectory(dirname(listing));
}

export interface Difference {
  count: number;
  first: string[];
}

const differencesShown = 20;

/** Holds what is below `output` against its listing, to the byte. Rejects with `data-corrupt` where that is damaged. */
export async function compareListing(
  run: string,
  output: string,
  listing: string,
  onFile: OnFile,
  signal: AbortSignal,
): Promise<Difference> {
  const wanted = await readListing(run, listing, signal);
  const difference: Difference = { count: 0, first: [] };
  const tell = (path: string, what: string) => {
    difference.count += 1;
    if (difference.first.length < differencesShown) difference.first.push(`${path === '' ? '.' : path} ${what}`);
  };
  for await (const line of linesOf(output, onFile, signal, false)) {
    const path = pathIn(line);
    const before = wanted.get(path);
    if (before === undefined) tell(path, 'was not backed up');
    else if (before !== line) tell(path, 'is not as it was backed up');
    wanted.delete(path);
  }
  for (const path of wanted.keys()) tell(path, 'is missing');
  return difference;
}

async function readListing(run: string, listing: string, signal: AbortSignal): Promise<Map<string, string>> {
  const hash = createHash('sha256');
  const lines = new Map<string, string>();
  const header = JSON.stringify({ version: 1, run });
  const seen: string[] = [];
  let isOfRun = false;
  const stream = createReadStream(listing, { signal });
  for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
    // Whether a line is the last one is known when the next one has come.
    const before = seen.shift();
    seen.push(line);
    if (before === undefined) continue;
    hash.update(`${before}\n`);
    if (before !== header) lines.set(pathIn(before), `${before}\n`);
    else isOfRun = true;
  }
  if (isOfRun && seen[0] === JSON.stringify({ sha256: hash.digest('hex') })) return lines;
  throw corrupt(`the listing ${listing} is damaged, or not that of ${run}`);
}

async function* linesOf(root: string, onFile: OnFile, signal: AbortSignal, isSynced: boolean): AsyncGenerator<string> {
  const counted = { files: 0, bytes: 0 };
  for await (const entry of walkTree(root)) {
    signal.throwIfAborted();
    yield `${JSON.stringify({ path: jsonOfPath(entry.path), ...(await contentOf(entry, isSynced)) })}\n`;
    if (!entry.stats.isFile()) continue;
    counted.files += 1;
    counted.bytes += entry.stats.size;
    onFile(counted);
  }
}

async function contentOf({ absolute, stats }: TreeEntry, isSynced: boolean): Promise<object> {
  const mode = stats.mode & 0o7777;
  if (stats.isSymbolicLink()) {
    const target = await readlink(absolute, { encoding: 'buffer' });
    return { type: 'symlink', target: jsonOfPath(bytePathOf(target)) };
  }
  if (!stats.isFile() && !stats.isDirectory()) return { type: 'other', mode };
  const file = await open(absolute, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const content = stats.isDirectory()
      ? { type: 'directory', mode }
      : { type: 'file', mode, bytes: stats.size, sha256: await hashOf(file) };
    if (isSynced) await file.sync();
    return content;
  } finally {
    await file.close();
  }
}

const readBytes = 2 ** 20;

async function hashOf(file: FileHandle): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(readBytes);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, readBytes);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(buffer.subarray(0, bytesRead));
  }
}

/** For people; two paths are never the same text. Empty for the root, and for what is no line of a listing. */
function pathIn(line: string): string {
  try {
    const { path } = JSON.parse(line) as { path: JsonPath };
    return printablePath(pathOfJson(path) ?? '');
  } catch {
    return '';
  }
}
