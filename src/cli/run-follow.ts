/** What the commands that start a run share: the id, the wait for its end, and what is said about it. */
import { Option } from 'commander';
import { formatDuration } from '../core/durations.ts';
import { printable } from '../core/printable.ts';
import { formatSize } from '../core/sizes.ts';
import type { RunKind } from '../domain/run.ts';
import type { Answer } from '../nats/client.ts';
import { isObject, type SeenRecord } from '../view/wire.ts';
import { durationOption } from './cli.ts';
import { exitStatus, statusOfEnding } from './exit-status.ts';
import type { Session } from './session.ts';
import { waitForEnd } from './wait.ts';

export interface FollowOptions {
  wait?: boolean;
  /** Milliseconds. */
  timeout?: number;
}

export const waitOption = new Option('--wait', 'wait until it has ended');
export const timeoutOption = new Option('--timeout <duration>', 'wait, but no longer than this (status 6)').argParser(
  durationOption,
);
export const noteOption = new Option('--note <text>', 'words of yours, kept in its history');

/**
 * Prints the id of a run that was just accepted; with `--wait` (or a timeout) also waits for its end, and answers the
 * exit status that its ending stands for. With `-o json` the one value is the answer of the start, or after a wait the
 * run's newest record as `actor.get` answers it.
 */
export async function followRun(
  session: Session,
  kind: RunKind,
  started: Answer,
  options: FollowOptions,
): Promise<number> {
  const id = String(started.id);
  if (!options.wait && options.timeout === undefined) {
    session.result(started, () => session.print(printable(id)));
    return exitStatus.done;
  }
  if (!session.json) session.print(printable(id));
  const client = await session.client();
  const waited = await waitForEnd(client, { kind, id }, session.environment, { timeoutMs: options.timeout });
  const newest = session.json ? await client.request('actor.get', { kind, id }) : undefined;
  if (newest) session.print(JSON.stringify(newest));
  if (waited.ended) {
    session.say(...endingLines(waited.ended));
    return statusOfEnding(waited.ended.state);
  }
  const after = waited.over === 'timeout' ? `after ${formatDuration(options.timeout ?? 0)}` : 'because of Ctrl-C';
  session.say(
    `stopped waiting ${after}; ${kind} ${printable(id)} goes on`,
    `  see it with \`reeve show ${printable(id)}\`, end it with \`reeve cancel ${printable(id)}\``,
  );
  return exitStatus.waitOver;
}

/** How a run ended, in a line or a few. */
export function endingLines(record: SeenRecord): string[] {
  const { result, skipped, message, hint } = record.context;
  const bytes = isObject(result) && typeof result.bytes === 'number' ? formatSize(result.bytes) : undefined;
  const files = isObject(result) && typeof result.files === 'number' ? `${result.files} files` : undefined;
  const figures = [bytes, files].filter(Boolean).join(' in ');
  const why = record.reason ? ` (${printable(record.reason)})` : '';
  const lines = [
    `${record.kind} ${printable(record.id)} ${printable(record.state)}${why}${figures ? `: ${figures}` : ''}`,
  ];
  if (record.kind === 'snapshot' && record.state === 'completed' && isObject(result))
    lines.push(`  kept by its source as ${printable(String(result.position))}`);
  if (typeof message === 'string' && message) lines.push(`  ${printable(message)}`);
  if (isObject(skipped) && Number(skipped.count) > 0) {
    const list = typeof skipped.path === 'string' ? `; the whole list is in ${printable(skipped.path)}` : '';
    lines.push(`  ${Number(skipped.count)} files were left out${list}`);
  }
  if (typeof hint === 'string' && hint) lines.push(`  ${printable(hint)}`);
  return lines;
}
