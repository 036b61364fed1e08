/** One record for people: what `reeve show` prints. */
import { printable } from '../core/printable.ts';
import { formatSize } from '../core/sizes.ts';
import { hasMoved } from '../view/cluster-view.ts';
import { isObject, progressOf, type SeenRecord } from '../view/wire.ts';
import { textOf } from './answer-rows.ts';
import { figuresOf } from './progress-bar.ts';
import { fieldLines } from './table.ts';
import { shownAge, shownTime } from './times.ts';

/** `now` in milliseconds: ages are counted to it. */
export function recordLines(record: SeenRecord, now: number): string[] {
  const { context } = record;
  const progress = hasMoved(record) ? undefined : progressOf(context.progress);
  const result = isObject(context.result) ? context.result : {};
  return [
    ...fieldLines([
      ['actor', `${record.kind}/${record.id}`],
      ['state', `${record.state}, for ${shownAge(record.since, now)}`],
      ['came from', record.from === null ? undefined : `${record.from} by ${record.event}`],
      ['reason', record.reason ?? undefined],
      ['note', record.note ?? undefined],
      ['message', textOf(context.message)],
      ['hint', textOf(context.hint)],
      ['plan', textOf(context.plan)],
      ['attempt', textOf(context.attempt)],
      ['agent', record.owner?.agent],
      ['started', shownTime(context.startedAt) ?? undefined],
      ['ended', shownTime(context.endedAt) ?? undefined],
      ['progress', progress ? figuresOf(progress) || undefined : undefined],
      ['size', typeof result.bytes === 'number' ? formatSize(result.bytes) : undefined],
      ['files', textOf(result.files)],
      ['newly stored', typeof result.bytesStored === 'number' ? formatSize(result.bytesStored) : undefined],
      [
        'position',
        result.position === null || result.position === undefined ? undefined : JSON.stringify(result.position),
      ],
      ...Object.entries(record.deadlines).map(([name, at]) => [`deadline ${name}`, shownTime(at)] as const),
      ['can take', record.canTake.length > 0 ? record.canTake.join(', ') : undefined],
    ]),
    ...skippedLines(context.skipped),
  ];
}

function skippedLines(skipped: unknown): string[] {
  if (!isObject(skipped) || typeof skipped.count !== 'number' || skipped.count === 0) return [];
  const first = Array.isArray(skipped.first) ? skipped.first.filter(isObject) : [];
  const rest = skipped.count - first.length;
  return [
    `left out: ${skipped.count} files`,
    ...first.map(
      file =>
        `  ${printable(String(file.path))} (${[file.why, file.code].map(word => printable(String(word))).join(', ')})`,
    ),
    ...(rest > 0
      ? [`  and ${rest} more${typeof skipped.path === 'string' ? `, in ${printable(skipped.path)}` : ''}`]
      : []),
  ];
}
