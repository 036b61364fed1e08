/** `reeve audit`: what became of every tick, and every backup and drill, of a time. */
import type { Command } from 'commander';
import { AnswerError } from '../../core/answer-error.ts';
import { momentMs } from '../../domain/moments.ts';
import { rowsOf } from '../answer-rows.ts';
import { type AuditRow, auditOf } from '../audit-report.ts';
import { type Cli, examples } from '../cli.ts';
import { documentRows } from '../document-rows.ts';
import { exitStatus } from '../exit-status.ts';
import type { Session } from '../session.ts';
import { type Column, tableLines } from '../table.ts';
import { shownTime } from '../times.ts';

type Row = Record<string, unknown>;

interface Options {
  since: string;
  until?: string;
}

/** The kinds of runs that an audit is about. */
const audited = [
  { kind: 'backup', list: 'backups' },
  { kind: 'drill', list: 'drills' },
] as const;

/** How many fates one answer may have: NATS lets a megabyte pass. */
const pageMax = 2_000;

export function addAudit(program: Command, cli: Cli): void {
  program
    .command('audit')
    .summary('every tick with its fate, and every backup and drill, of a time')
    .description(
      'Tells in one table, oldest first, what became of each tick, and of the backups and drills that began in that time, whoever started them. A tick of which nothing is recorded is a row of its own, by the schedule as it is written now; where records do not reach back to the beginning, that is said.',
    )
    .option('--since <time>', 'a day, a time, or how long ago', '24h')
    .option('--until <time>', 'the same; now unless given')
    .addHelpText(
      'after',
      examples(
        ['reeve audit', 'the last 24 hours'],
        ['reeve audit --since 2026-05-01 --until 2026-06-01 -o json', 'a month, for a program'],
      ),
    )
    .action(
      cli.action(async (session: Session, options: Options) => {
        const nowMs = session.environment.clock.now();
        const sinceMs = momentOf('since', options.since, nowMs);
        const untilMs = options.until === undefined ? nowMs : momentOf('until', options.until, nowMs);
        if (sinceMs > untilMs) throw backwards(options);
        const fates = await fatesBetween(session, sinceMs, untilMs);
        const schedules = await documentRows(session, 'Schedule');
        const runs = await runsOf(session);
        const backups = rowsOf((await session.request('catalog.list')).backups);
        const audit = auditOf({ sinceMs, untilMs, nowMs, schedules, runs, backups, fates: fates.rows });
        const notes = [...audit.notes, ...fates.notes];
        session.result({ ok: true, rows: audit.rows, notes }, () => {
          session.print(...tableLines(columns, audit.rows));
          session.say(...notes);
        });
        return exitStatus.done;
      }),
    );
}

function momentOf(option: string, text: string, nowMs: number): number {
  const moment = momentMs(text, nowMs);
  if (moment !== undefined) return moment;
  const hint = 'write for example 2026-05-01, 2026-05-01T06:00:00Z, or 3d for how long ago';
  throw new AnswerError('invalid', `--${option} ${text} names no moment`, hint);
}

function backwards({ since, until }: Options): AnswerError {
  const message = until === undefined ? `--since ${since} is to come` : `--since ${since} is after --until ${until}`;
  return new AnswerError('invalid', message, 'an audit is of a time that begins before it ends');
}

/** All of them, a page at a time from the newest: each page ends where the one before it began. */
async function fatesBetween(
  session: Session,
  sinceMs: number,
  untilMs: number,
): Promise<{ rows: Row[]; notes: string[] }> {
  const found = new Map<string, Row>();
  const notes: string[] = [];
  const since = new Date(sinceMs).toISOString();
  for (let until = new Date(untilMs).toISOString(); ; ) {
    const page = rowsOf((await session.request('fate.list', { since, until, limit: pageMax })).fates);
    const before = found.size;
    for (const row of page) found.set(`${row.schedule}--${row.plan}/${row.tick}`, row);
    const last = String(page.at(-1)?.tick);
    if (page.length < pageMax) return { rows: [...found.values()], notes };
    if (found.size > before) until = last;
    else {
      notes.push(`more than ${pageMax} ticks at ${last}: not all of them are told`);
      until = new Date(Date.parse(last) - 1).toISOString();
    }
  }
}

/** Of the kinds that the agents know. */
async function runsOf(session: Session): Promise<(Row & { kind: string })[]> {
  const known = rowsOf((await session.request('machine.list')).machines).map(({ kind }) => kind);
  const runs: (Row & { kind: string })[] = [];
  for (const { kind, list } of audited)
    if (known.includes(kind)) {
      const answer = await session.request(`${kind}.list`, { limit: 10_000 });
      runs.push(...rowsOf(answer[list]).map(row => ({ ...row, kind })));
    }
  return runs;
}

const columns: Column<AuditRow>[] = [
  { title: 'AT', cell: row => shownTime(row.at) },
  { title: 'WHAT', cell: row => row.what },
  { title: 'PLAN', cell: row => row.plan },
  { title: 'OUTCOME', cell: row => row.outcome },
  { title: 'RUN', cell: row => row.run },
  { title: 'WHY', cell: row => row.why },
];
