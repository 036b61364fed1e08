/**
 * A manifest: one backup's tree. The file is a line of JSON, the header, and after it one zstd frame of JSON lines: the
 * entries in the order of a walk (a directory, then what is in it, names in the order of their bytes), then a footer.
 * Its name is the sha256 of the whole file. Here are its words and the check of each line; docs/repository-format.md
 * has them field by field.
 */
import { type BytePath, isPlainPath, type JsonPath, jsonOfPath, pathOfJson } from './byte-path.ts';

export const manifestFormat = 2;

/** Pieces on one line; a longer file goes on in `data` lines, so that no line, and no reader, holds a whole big file. */
export const piecesPerLine = 1_024;

/** The longest path of an entry, in bytes: no system that Reeve runs on takes a longer one. It bounds the depth of a tree. */
export const pathBytesMax = 4_096;
/** The last one that is an owner; the next means "leave it" to chown(2). */
export const ownerMax = 2 ** 32 - 2;
/** As far from 1970 as a system can count seconds. */
const mtimeUsMax = 2 ** 63 * 1e6;

export interface Totals {
  /** Everything but directories. */
  files: number;
  directories: number;
  /** Bytes of file contents, holes included; a file with many hard links counts once. */
  bytes: number;
}

export interface ManifestHeader {
  reeve: 'manifest';
  format: number;
  run: string;
  plan: string;
  source: string;
  startedAt: string;
  endedAt: string;
  totals: Totals;
  skipped: { vanished: number; changed: number; unreadable: number };
  /** sha256 of the list of what was left out; null where nothing was. */
  skippedList: string | null;
}

/** A run of bytes of a file: `[length]` is a hole, `[length, sha256]` a chunk. */
export type Piece = [length: number] | [length: number, sha256: string];

export interface Attributes {
  /** The twelve permission bits. */
  mode: number;
  uid: number;
  gid: number;
  /** Microseconds since the epoch; negative before it. */
  mtimeUs: number;
}

export type Entry =
  | ({ type: 'directory'; path: BytePath } & Attributes)
  | ({
      type: 'file';
      path: BytePath;
      size: number;
      /** The file had holes: zeros in it come back as holes. */
      sparse?: true;
      /** The name of its hard links in this manifest; later ones are `link` entries. */
      group?: number;
      /** By what its writer knows it again as unchanged: its inode and the time of its last change. */
      seen?: string;
      /** The first pieces; the rest follow as `data`. */
      content: Piece[];
    } & Attributes)
  | { type: 'link'; path: BytePath; group: number }
  | ({ type: 'symlink'; path: BytePath; target: BytePath } & Attributes)
  | ({ type: 'special'; path: BytePath; kind: 'fifo' | 'socket' | 'character' | 'block'; device: string } & Attributes);

/** What stands on a line of a manifest's body. */
export type ManifestLine = Entry | { type: 'data'; content: Piece[] } | { type: 'footer'; totals: Totals };

export function lineOf(line: ManifestLine): string {
  if (!('path' in line)) return `${JSON.stringify(line)}\n`;
  const paths: { path: JsonPath; target?: JsonPath } = { path: jsonOfPath(line.path) };
  if (line.type === 'symlink') paths.target = jsonOfPath(line.target);
  return `${JSON.stringify({ ...line, ...paths })}\n`;
}

/** The line's meaning. Throws an Error that says what is wrong with it; a manifest may come from anybody. */
export function parseLine(text: string): ManifestLine {
  const json = JSON.parse(text) as Record<string, unknown>;
  if (typeof json !== 'object' || json === null) throw new Error('it is not an object');
  if (json.type === 'data') return { type: 'data', content: someOf(piecesOf(json.content)) };
  if (json.type === 'footer') return { type: 'footer', totals: totalsOf(json.totals) };
  const path = pathOfJson(json.path);
  if (path === undefined || !(isPlainPath(path) || (path === '' && json.type === 'directory')))
    throw new Error(`${shown(json.path)} is not a plain path inside the source`);
  if (path.length > pathBytesMax) throw new Error(`its path is longer than ${pathBytesMax} bytes`);
  switch (json.type) {
    case 'directory':
      return { type: 'directory', path, ...attributesOf(json) };
    case 'file':
      return {
        type: 'file',
        path,
        size: count(json.size, 'size'),
        ...(json.sparse === true ? { sparse: true } : {}),
        ...(json.group === undefined ? {} : { group: count(json.group, 'group') }),
        ...(typeof json.seen === 'string' ? { seen: json.seen } : {}),
        content: piecesOf(json.content),
        ...attributesOf(json),
      };
    case 'link':
      return { type: 'link', path, group: count(json.group, 'group') };
    case 'symlink': {
      const target = pathOfJson(json.target);
      if (target === undefined || target === '' || target.includes('\0')) throw new Error('its target is none');
      return { type: 'symlink', path, target, ...attributesOf(json) };
    }
    case 'special':
      return { type: 'special', path, kind: kindOf(json.kind), device: textOf(json.device), ...attributesOf(json) };
    default:
      throw new Error(`its type ${shown(json.type)} is not known`);
  }
}

export function parseHeader(text: string): ManifestHeader {
  const json = JSON.parse(text) as Partial<ManifestHeader> | null;
  if (json?.reeve !== 'manifest') throw new Error('it is not a manifest');
  if (json.format !== manifestFormat)
    throw new Error(`its format is ${shown(json.format)}, this version knows ${manifestFormat}`);
  for (const field of ['run', 'plan', 'source', 'startedAt', 'endedAt'] as const)
    if (typeof json[field] !== 'string') throw new Error(`its header has no ${field}`);
  totalsOf(json.totals);
  for (const why of ['vanished', 'changed', 'unreadable'] as const) count(json.skipped?.[why], `skipped.${why}`);
  if (json.skippedList !== null && !isHash(json.skippedList)) throw new Error('its skippedList is no hash');
  return json as ManifestHeader;
}

function attributesOf(json: Record<string, unknown>): Attributes {
  const mtimeUs = json.mtimeUs;
  if (typeof mtimeUs !== 'number' || !Number.isInteger(mtimeUs) || Math.abs(mtimeUs) > mtimeUsMax)
    throw new Error('its mtimeUs is none');
  const [uid, gid] = [count(json.uid, 'uid', ownerMax), count(json.gid, 'gid', ownerMax)];
  return { mode: count(json.mode, 'mode') & 0o7777, uid, gid, mtimeUs };
}

function totalsOf(json: unknown): Totals {
  const totals = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>;
  return {
    files: count(totals.files, 'files'),
    directories: count(totals.directories, 'directories'),
    bytes: count(totals.bytes, 'bytes'),
  };
}

function piecesOf(json: unknown): Piece[] {
  if (!Array.isArray(json)) throw new Error('its content is no list');
  if (json.length > piecesPerLine) throw new Error(`it has more than ${piecesPerLine} pieces`);
  for (const piece of json) {
    const [length, sha256] = Array.isArray(piece) ? piece : [];
    if (!(Number.isSafeInteger(length) && length > 0 && (piece.length === 1 || (piece.length === 2 && isHash(sha256)))))
      throw new Error(`${shown(piece)} is not a piece of content`);
  }
  return json as Piece[];
}

function isHash(json: unknown): boolean {
  return typeof json === 'string' && /^[0-9a-f]{64}$/.test(json);
}

/** Lines that say nothing could go on for ever. */
function someOf(content: Piece[]): Piece[] {
  if (content.length === 0) throw new Error('it has no content');
  return content;
}

function textOf(json: unknown): string {
  if (typeof json === 'string') return json;
  throw new Error('its device is no text');
}

function kindOf(json: unknown): 'fifo' | 'socket' | 'character' | 'block' {
  if (json === 'fifo' || json === 'socket' || json === 'character' || json === 'block') return json;
  throw new Error(`its kind ${shown(json)} is not known`);
}

function count(json: unknown, field: string, max = Number.MAX_SAFE_INTEGER): number {
  if (typeof json === 'number' && Number.isSafeInteger(json) && json >= 0 && json <= max) return json;
  throw new Error(`its ${field} is not a count`);
}

/** As much of it as a message can bear. */
function shown(json: unknown): string {
  const text = JSON.stringify(json) ?? 'undefined';
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}
