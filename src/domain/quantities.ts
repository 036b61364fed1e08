/** Durations and sizes in documents: text on the way in, checked; parsed where they are used. */
import { z } from 'zod';
import { parseDuration } from '../core/durations.ts';
import { parseSize } from '../core/sizes.ts';

/** A duration as text, such as `90s`; kept as text so that a document reads back as it was written. */
export const durationText = z
  .string()
  .refine(
    text => parseDuration(text) !== undefined,
    'is not a duration; write for example 500ms, 30s, 15m, 2h or 7d, at most 36500d',
  );

/** A duration, or `none` for no limit. */
export const durationOrNone = z
  .string()
  .refine(
    text => text === 'none' || parseDuration(text) !== undefined,
    'is neither none nor a duration such as 30s or 2h',
  );

/** A size as text, such as `20GiB`. */
export const sizeText = z
  .string()
  .refine(text => parseSize(text) !== undefined, 'is not a size; write for example 512KiB, 50MiB or 20GiB');

/** Milliseconds of a checked duration. */
export function durationMs(text: string): number {
  const durationMs = parseDuration(text);
  if (durationMs === undefined) throw new TypeError(`"${text}" is not a duration`);
  return durationMs;
}

/** Bytes of a checked size. */
export function sizeBytes(text: string): number {
  const bytes = parseSize(text);
  if (bytes === undefined) throw new TypeError(`"${text}" is not a size`);
  return bytes;
}
