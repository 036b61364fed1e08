/**
 * What differs between two backups of a repository. Both manifests have the order of a walk, so they are read beside each
 * other, an entry of each at a time: trees of any size take the memory of their hard links.
 *
 * 1. `changed` is another type or another content. Content is compared by its pieces, and no chunk is read; so a file
 *    that was divided into other chunks by another version counts as changed.
 * 2. `attributes` is the same content under another mode, owner or time, or under a hard link to another file.
 * 3. A hard link is compared as the file that it names: a change of that file is one of all its names.
 */
import type { BytePath } from './byte-path.ts';
import type { Entry } from './manifest.ts';
import { type ManifestNode, readNodes } from './manifest-nodes.ts';
import { checkManifest } from './manifest-reader.ts';
import type { Repository } from './repository.ts';
import { compareInWalk } from './tree-order.ts';

export type Change = 'added' | 'removed' | 'changed' | 'attributes';

export interface Difference {
  change: Change;
  path: BytePath;
  /** Null where it was added. */
  before: Version | null;
  /** Null where it was removed. */
  after: Version | null;
}

export interface Version {
  type: Entry['type'];
  /** Bytes of a file; 0 for anything else, and for a file's further names. */
  size: number;
}

/**
 * The differences from the manifest `before` to the manifest `after`, both by their sha256, in the order of a walk. Rejects
 * with `data-corrupt` where one of them is damaged or missing, and with the signal's reason.
 */
export async function* diffBackups(
  repository: Repository,
  before: string,
  after: string,
  signal: AbortSignal,
): AsyncGenerator<Difference> {
  for (const manifest of new Set([before, after])) await checkManifest(repository, manifest, signal);
  const olds = readNodes(repository, before, signal);
  const news = readNodes(repository, after, signal);
  try {
    let [one, other] = [await nextOf(olds), await nextOf(news)];
    while (one || other) {
      signal.throwIfAborted();
      const order = !one ? 1 : !other ? -1 : compareInWalk(one.path, other.path);
      const [old, now] = [order <= 0 ? one : undefined, order >= 0 ? other : undefined];
      const change = changeBetween(old, now);
      const path = (old ?? now)?.path ?? '';
      if (change) yield { change, path, before: versionOf(old), after: versionOf(now) };
      if (old) one = await nextOf(olds);
      if (now) other = await nextOf(news);
    }
  } finally {
    await olds.return(undefined);
    await news.return(undefined);
  }
}

/** Counts differences, and the bytes of the files among them. */
export class DiffSummary {
  readonly added = { count: 0, bytes: 0 };
  readonly removed = { count: 0, bytes: 0 };
  /** Bytes as they are after the change. */
  readonly changed = { count: 0, bytes: 0 };
  readonly attributes = { count: 0, bytes: 0 };

  add({ change, before, after }: Difference): void {
    this[change].count += 1;
    this[change].bytes += (after ?? before)?.size ?? 0;
  }
}

function changeBetween(old: ManifestNode | undefined, now: ManifestNode | undefined): Change | undefined {
  if (!old) return 'added';
  if (!now) return 'removed';
  if (old.content !== now.content) return 'changed';
  const isSame = old.attributes === now.attributes && old.linkTo === now.linkTo;
  return isSame ? undefined : 'attributes';
}

function versionOf(node: ManifestNode | undefined): Version | null {
  return node ? { type: node.type, size: node.size } : null;
}

async function nextOf(nodes: AsyncGenerator<ManifestNode>): Promise<ManifestNode | undefined> {
  const { value, done } = await nodes.next();
  return done ? undefined : value;
}
