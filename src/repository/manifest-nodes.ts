/**
 * A backup's tree path by path, each as what can be held against the same path of another backup: a file's data lines are
 * drawn together into one key, and a hard link has the content and the attributes of the file that it names.
 */
import { createHash, type Hash } from 'node:crypto';
import type { BytePath } from './byte-path.ts';
import type { Attributes, Entry, Piece } from './manifest.ts';
import { readManifest } from './manifest-reader.ts';
import type { Repository } from './repository.ts';

export interface ManifestNode {
  path: BytePath;
  type: Entry['type'];
  /** Bytes of a `file`; 0 for anything else, links too, so that sizes add up to what is stored. */
  size: number;
  /** Equal where the kind and the content are: a file's pieces, a symlink's target, a device's number. */
  content: string;
  /** Equal where mode, owner and time are. */
  attributes: string;
  /** Of a `link`, the first name of its file. */
  linkTo: BytePath | null;
}

/**
 * The nodes in the order of a walk; rejects as `readManifest` does. Memory holds one node, and what is kept of each group
 * of hard links.
 */
export async function* readNodes(
  repository: Repository,
  manifest: string,
  signal: AbortSignal,
): AsyncGenerator<ManifestNode> {
  const groups = new Map<number, ManifestNode>();
  let file: { entry: Extract<Entry, { type: 'file' }>; key: PiecesKey } | undefined;
  const wholeFile = (): ManifestNode[] => {
    if (!file) return [];
    const { entry, key } = file;
    const node = nodeOf(entry, `file ${key.end()}`, entry.size);
    if (entry.group !== undefined) groups.set(entry.group, node);
    file = undefined;
    return [node];
  };
  for await (const line of readManifest(repository, manifest, signal)) {
    if (line.type === 'data') {
      file?.key.add(line.content);
      continue;
    }
    yield* wholeFile();
    if (line.type === 'file') {
      file = { entry: line, key: new PiecesKey() };
      file.key.add(line.content);
    } else if (line.type === 'link') yield linkOf(line, groups);
    else if (line.type === 'directory') yield nodeOf(line, 'directory');
    else if (line.type === 'symlink') yield nodeOf(line, `symlink ${line.target}`);
    else yield nodeOf(line, `${line.kind} ${line.device}`);
  }
  yield* wholeFile();
}

function nodeOf(entry: Exclude<Entry, { type: 'link' }>, content: string, size = 0): ManifestNode {
  return { path: entry.path, type: entry.type, size, content, attributes: attributesOf(entry), linkTo: null };
}

function linkOf({ path, group }: Extract<Entry, { type: 'link' }>, groups: Map<number, ManifestNode>): ManifestNode {
  const named = groups.get(group);
  if (!named) throw new Error(`the manifest's reader let a link to the unknown group ${group} pass`);
  return { ...named, path, type: 'link', size: 0, linkTo: named.path };
}

function attributesOf({ mode, uid, gid, mtimeUs }: Attributes): string {
  return `${mode} ${uid} ${gid} ${mtimeUs}`;
}

/** Draws pieces together: equal for the same pieces in the same order, however they were divided into lines. */
class PiecesKey {
  #text = '';
  #hash: Hash | undefined;

  add(pieces: readonly Piece[]): void {
    for (const [length, sha256 = ''] of pieces) {
      this.#text += `${length}${sha256},`;
      if (this.#text.length > textMax) this.#pack();
    }
  }

  /** The pieces themselves where they are few, else their hash. */
  end(): string {
    if (this.#hash) this.#pack();
    return this.#hash?.digest('hex') ?? this.#text;
  }

  #pack(): void {
    this.#hash ??= createHash('sha256');
    this.#hash.update(this.#text);
    this.#text = '';
  }
}

/** Characters of pieces that are kept as they are. */
const textMax = 1_000;
