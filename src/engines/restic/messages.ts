/** What `restic backup --json` says: `status` and `summary` on stdout, `error` on stderr. */
import { constants } from 'node:os';
import { relative } from 'node:path';
import { printable } from '../../core/printable.ts';
import type { Progress, SkippedFile } from '../../domain/run.ts';

export interface Summary {
  /** The first 8 digits in 0.14, all 64 in newer ones. */
  snapshot_id: string;
  total_files_processed: number;
  total_bytes_processed: number;
  /** Bytes that the repository grew by, as far as files and trees go. */
  data_added: number;
}

interface Status {
  bytes_done?: number;
  total_bytes?: number;
  files_done?: number;
  total_files?: number;
  seconds_elapsed?: number;
  seconds_remaining?: number;
}

/** A line of its stdout; undefined for what says nothing to us. */
export function messageOf(line: string): { progress: Progress } | { summary: Summary } | undefined {
  const message = parsed(line);
  if (message?.message_type === 'summary') return { summary: message as unknown as Summary };
  if (message?.message_type !== 'status') return undefined;
  const { bytes_done, total_bytes, files_done, total_files, seconds_elapsed, seconds_remaining } = message as Status;
  return {
    progress: {
      bytesDone: bytes_done ?? 0,
      bytesTotal: total_bytes ?? null,
      filesDone: files_done ?? 0,
      filesTotal: total_files ?? null,
      rateBytesPerS: seconds_elapsed ? Math.round((bytes_done ?? 0) / seconds_elapsed) : null,
      etaS: seconds_remaining ?? null,
    },
  };
}

/** A file that was left out, by a line of its stderr. What the scan for totals could not read is told again later. */
export function skippedOf(line: string, source: string): SkippedFile | undefined {
  const message = parsed(line);
  if (message?.message_type !== 'error' || message.during === 'scan') return undefined;
  const path = printable(relative(source, String(message.item ?? '')));
  const code = codeOf((message.error ?? {}) as { Err?: unknown; message?: unknown });
  return { path, why: code === 'ENOENT' ? 'vanished' : 'unreadable', code };
}

/** A number of the system in 0.14 (none at all for a directory), a sentence in newer ones. */
function codeOf({ Err: number, message }: { Err?: unknown; message?: unknown }): string {
  const byNumber = Object.entries(constants.errno).find(([, value]) => value === number)?.[0];
  if (byNumber !== undefined) return byNumber;
  if (/permission denied/.test(String(message))) return 'EACCES';
  if (/no such file or directory/.test(String(message))) return 'ENOENT';
  return 'unknown';
}

function parsed(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
