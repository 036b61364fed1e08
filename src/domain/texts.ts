/** Texts of documents that several schemas share: names, paths, patterns, values of options. */
import { z } from 'zod';
import { isName, nameLengthMax } from '../core/ids.ts';

export const nameText = z
  .string()
  .refine(
    isName,
    `is not a name: lower-case letters, digits and single dashes inside, at most ${nameLengthMax} characters`,
  );

/** An absolute path; never one that a tool could take for an option. */
export const absolutePath = z
  .string()
  .refine(text => text.startsWith('/') && !text.includes('\0'), 'is not an absolute path');

/** A value that becomes an argument of a tool: never one that it could take for an option, and one line. */
export const plainText = z
  .string()
  .min(1)
  .max(1_000)
  .refine(text => !text.startsWith('-'), 'begins with a dash')
  .refine(text => !/[\0\r\n]/.test(text), 'is not one line');

/** A pattern over paths. */
export const glob = z
  .string()
  .min(1)
  .refine(text => !text.startsWith('-'), 'begins with a dash');
