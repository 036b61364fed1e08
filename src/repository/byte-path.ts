/**
 * Paths as a file system has them: bytes, of which not all are UTF-8. In memory a path is a *byte string*, one character
 * a byte (latin1), relative to the source, with `/` between names: it is compact, it sorts as its bytes do, and nothing
 * is lost. In a manifest it is text where its bytes are UTF-8, else `{base64}`.
 */
import { isUtf8 } from 'node:buffer';
import { printable } from '../core/printable.ts';

/** One character a byte. The source itself is the empty string. */
export type BytePath = string;

/** A path in JSON. */
export type JsonPath = string | { base64: string };

/** The bytes, as the file system wants them. */
export function bytesOf(path: BytePath): Buffer {
  return Buffer.from(path, 'latin1');
}

export function bytePathOf(bytes: Buffer): BytePath {
  return bytes.toString('latin1');
}

/** A path that was written as text, such as a plan's. */
export function bytePathOfText(text: string): BytePath {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** The bytes of `path` under the absolute directory `root`. */
export function under(root: BytePath, path: BytePath): Buffer {
  if (path === '') return bytesOf(root);
  return bytesOf(root.endsWith('/') ? root + path : `${root}/${path}`);
}

export function jsonOfPath(path: BytePath): JsonPath {
  const bytes = bytesOf(path);
  return isUtf8(bytes) ? bytes.toString('utf8') : { base64: bytes.toString('base64') };
}

/** The path in a manifest's JSON, or undefined where it is none. */
export function pathOfJson(json: unknown): BytePath | undefined {
  if (typeof json === 'string') return bytePathOfText(json);
  if (typeof json !== 'object' || json === null) return undefined;
  const { base64 } = json as { base64?: unknown };
  return typeof base64 === 'string' ? Buffer.from(base64, 'base64').toString('latin1') : undefined;
}

/** The path for people: control characters escaped, bytes that are no UTF-8 as `\xff`. */
export function printablePath(path: BytePath): string {
  const bytes = bytesOf(path);
  if (isUtf8(bytes)) return printable(bytes.toString('utf8'));
  return path.replace(/[^\x20-\x5b\x5d-\x7e]/g, byte =>
    byte === '\\' ? '\\\\' : `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

/** True for what may stand in a manifest: relative, of plain names only, none of them empty, `.` or `..`, no NUL. */
export function isPlainPath(path: BytePath): boolean {
  return !path.includes('\0') && !/(?:^|\/)\.{0,2}(?:\/|$)/.test(path);
}

/** The directory that a path stands in; the empty string is the source itself. */
export function parentOf(path: BytePath): BytePath {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

export function nameOf(path: BytePath): BytePath {
  return path.slice(path.lastIndexOf('/') + 1);
}
