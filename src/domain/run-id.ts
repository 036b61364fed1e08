/** Ids of runs, as the wire fixes them: derived, so that a repeated request names the same run. */
import { createHash } from 'node:crypto';

/** The id of the run that a client's `requestId` asks for: `<plan>-<first 16 hex of sha256(requestId)>`. */
export function runIdOfRequest(plan: string, requestId: string): string {
  return `${plan}-${sha256Hex(requestId).slice(0, 16)}`;
}

/** The id of a run asked for without a `requestId`: `<plan>-<YYYYMMDDTHHMMSSZ>-<suffix>`, where `suffix` is 6 random hex digits. */
export function runIdOfTime(plan: string, atMs: number, suffix: string): string {
  return `${plan}-${compactTime(atMs)}-${suffix}`;
}

/** The id of the run of a schedule's tick: `<plan>-<YYYYMMDDTHHMMSSZ>-<first 6 hex of sha256(schedule)>`. */
export function runIdOfTick(plan: string, tickMs: number, schedule: string): string {
  return `${plan}-${compactTime(tickMs)}-${sha256Hex(schedule).slice(0, 6)}`;
}

/** Whether a run of this id is of the plan, as far as its id tells. */
export function isRunIdOf(plan: string, id: string): boolean {
  return id.startsWith(`${plan}-`) && /^(\d{8}T\d{6}Z-[0-9a-f]{6}|[0-9a-f]{16})$/.test(id.slice(plan.length + 1));
}

function compactTime(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
}

function sha256Hex(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
