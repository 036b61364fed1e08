/** The commands that a run takes by its mailbox, a schema each. */
import { z } from 'zod';

/** What any changing command may carry. */
export const commandFields = {
  /** A person's words, kept in the record. */
  note: z.string().max(1_000).optional(),
  /** Makes a repeat harmless. */
  requestId: z.string().min(1).max(128).optional(),
};

export const runCommands = {
  'backup.cancel': z.strictObject({ type: z.literal('backup.cancel'), ...commandFields }),
  'backup.suspend': z.strictObject({ type: z.literal('backup.suspend'), ...commandFields }),
  'backup.resume': z.strictObject({ type: z.literal('backup.resume'), ...commandFields }),
} as const;
