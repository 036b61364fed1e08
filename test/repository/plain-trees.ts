/** Small trees of chance in memory, what they are as a manifest's lines, and how two of them differ: the plain way. */
import fc from 'fast-check';
import type { Change, Difference } from '../../src/repository/backup-diff.ts';
import type { Attributes, ManifestLine, Piece } from '../../src/repository/manifest.ts';

export interface Folder {
  kind: 'folder';
  attributes: Attributes;
  inside: Record<string, PlainNode>;
}
export type PlainNode =
  | Folder
  /** Files with the same `inode` are one: the first of them in the order of a walk lends its content and attributes. */
  | { kind: 'file'; attributes: Attributes; pieces: Piece[]; inode: number | null }
  | { kind: 'symlink'; attributes: Attributes; target: string };
export type Tree = Folder;

/** Few of each, so that two trees share much; names that sort otherwise than paths do, and one that is no UTF-8. */
const names = ['a', 'a!', 'a-b', 'a.', 'a0', 'b', '\xff'];
const contents: Piece[][] = [[], [[3]], [[2], [1]], [[3, 'a'.repeat(64)]], [[3, 'b'.repeat(64)], [9]]];

const attributes = fc.constantFrom<Attributes>(
  { mode: 0o755, uid: 0, gid: 0, mtimeUs: 0 },
  { mode: 0o755, uid: 0, gid: 0, mtimeUs: 1 },
);
const file = fc.record({
  kind: fc.constant('file' as const),
  attributes,
  pieces: fc.constantFrom(...contents),
  inode: fc.option(fc.nat({ max: 2 })),
});
const symlink = fc.record({ kind: fc.constant('symlink' as const), attributes, target: fc.constantFrom('x', 'y') });

function folderOf(depth: number): fc.Arbitrary<Folder> {
  const leaves: fc.Arbitrary<PlainNode>[] = [file, file, symlink];
  const node = fc.oneof(...leaves, ...(depth > 0 ? [folderOf(depth - 1)] : []));
  const inside = fc.dictionary(fc.constantFrom(...names), node, { maxKeys: 5, noNullPrototype: true });
  return fc.record({ kind: fc.constant('folder' as const), attributes, inside });
}

export const treeArbitrary: fc.Arbitrary<Tree> = folderOf(3);

/** Every path with its node, in the order of a walk. */
function walk(folder: Folder, at = ''): [path: string, node: PlainNode][] {
  const inside = Object.entries(folder.inside).sort(([one], [other]) => (one < other ? -1 : 1));
  return [
    [at, folder],
    ...inside.flatMap(([name, node]) => {
      const path = at === '' ? name : `${at}/${name}`;
      return node.kind === 'folder' ? walk(node, path) : [[path, node] as [string, PlainNode]];
    }),
  ];
}

export function treeLines(tree: Tree): ManifestLine[] {
  const first = new Set<number>();
  return walk(tree).flatMap(([path, node]): ManifestLine[] => {
    if (node.kind === 'folder') return [{ type: 'directory', path, ...node.attributes }];
    if (node.kind === 'symlink') return [{ type: 'symlink', path, target: node.target, ...node.attributes }];
    const { inode, pieces } = node;
    if (inode !== null && first.has(inode)) return [{ type: 'link', path, group: inode }];
    if (inode !== null) first.add(inode);
    const group = inode === null ? {} : { group: inode };
    const [content, further] = [pieces.slice(0, 1), pieces.slice(1)];
    return [
      { type: 'file', path, size: sizeOf(pieces), ...group, content, ...node.attributes },
      ...(further.length > 0 ? [{ type: 'data' as const, content: further }] : []),
    ];
  });
}

interface Fact {
  version: { type: 'directory' | 'file' | 'link' | 'symlink'; size: number };
  content: string;
  rest: string;
}

function factsOf(tree: Tree): Map<string, Fact> {
  const facts = new Map<string, Fact>();
  const firsts = new Map<number, { path: string; fact: Fact }>();
  for (const [path, node] of walk(tree)) {
    const rest = JSON.stringify(node.attributes);
    const first = node.kind === 'file' && node.inode !== null ? firsts.get(node.inode) : undefined;
    let fact: Fact;
    if (first)
      fact = { version: { type: 'link', size: 0 }, content: first.fact.content, rest: first.fact.rest + first.path };
    else if (node.kind === 'folder') fact = { version: { type: 'directory', size: 0 }, content: 'folder', rest };
    else if (node.kind === 'symlink')
      fact = { version: { type: 'symlink', size: 0 }, content: `to ${node.target}`, rest };
    else fact = { version: { type: 'file', size: sizeOf(node.pieces) }, content: JSON.stringify(node.pieces), rest };
    if (node.kind === 'file' && node.inode !== null && !first) firsts.set(node.inode, { path, fact });
    facts.set(path, fact);
  }
  return facts;
}

export function plainDiff(before: Tree, after: Tree): Difference[] {
  const [olds, news] = [factsOf(before), factsOf(after)];
  const paths = [...new Set([...olds.keys(), ...news.keys()])].sort(byComponents);
  return paths.flatMap(path => {
    const [old, now] = [olds.get(path), news.get(path)];
    const change = changeOf(old, now);
    return change ? [{ change, path, before: old?.version ?? null, after: now?.version ?? null }] : [];
  });
}

function changeOf(old: Fact | undefined, now: Fact | undefined): Change | undefined {
  if (!old) return 'added';
  if (!now) return 'removed';
  if (old.content !== now.content) return 'changed';
  return old.rest === now.rest ? undefined : 'attributes';
}

function byComponents(one: string, other: string): number {
  const [a, b] = [one, other].map(path => (path === '' ? [] : path.split('/'))) as [string[], string[]];
  for (let at = 0; at < Math.min(a.length, b.length); at += 1) {
    const [left = '', right = ''] = [a[at], b[at]];
    if (left !== right) return left < right ? -1 : 1;
  }
  return a.length - b.length;
}

function sizeOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, [length]) => sum + length, 0);
}
