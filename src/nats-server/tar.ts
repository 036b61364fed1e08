/** One file out of a .tar.gz, without writing any other. The archive's sum was checked before: it is not hostile. */
import { gunzipSync } from 'node:zlib';
import { FailureError } from '../core/failure.ts';

const block = 512;

/** The content of the regular file `name`. Throws the failure `release-corrupt` where there is none. */
export function fileFromTarGz(archive: Buffer, name: string, bytesMax: number): Buffer {
  const tar = unzip(archive, bytesMax);
  for (let at = 0; at + block <= tar.length; ) {
    const header = tar.subarray(at, at + block);
    const size = Number.parseInt(text(header, 124, 12), 8) || 0;
    const from = at + block;
    const prefix = text(header, 345, 155);
    const path = (prefix === '' ? '' : `${prefix}/`) + text(header, 0, 100);
    const isRegular = header[156] === 0x30 || header[156] === 0;
    if (isRegular && path === name && from + size <= tar.length) return tar.subarray(from, from + size);
    at = from + Math.ceil(size / block) * block;
  }
  throw notThere(name);
}

function unzip(archive: Buffer, bytesMax: number): Buffer {
  try {
    return gunzipSync(archive, { maxOutputLength: bytesMax });
  } catch (cause) {
    throw notThere('archive', cause);
  }
}

/** A field of a header, up to its first zero. */
function text(header: Buffer, from: number, length: number): string {
  const field = header.subarray(from, from + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? length : end).trim();
}

function notThere(name: string, cause?: unknown): FailureError {
  const message = `the release of nats-server has no whole ${name} in it`;
  const hint = 'this is a defect of Reeve: put a nats-server on PATH, and report it';
  return new FailureError({ kind: 'permanent', code: 'release-corrupt', message, hint }, { cause });
}
