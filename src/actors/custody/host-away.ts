/**
 * Runs whose agent is away: since when, until when they wait for it, and that in words, for whoever asks about one.
 *
 * 1. What is away is told by leases alone, and how long between two times of the server's own: no clock of a host has a
 *    say in it, and whoever begins to look later counts from the same moment.
 * 2. A run that its agent never took has begun nothing: it waits for its turn, and the deadline `pending` bounds that.
 *    One that it took may go on there, so it is the agent's own for as long as the plan's `hostAway`.
 */
import type { JsonObject } from '../../core/json.ts';
import { timeText } from '../../core/time-text.ts';
import { isRunKind, runOf } from '../../domain/run.ts';
import type { Member, Membership } from '../../runtime/membership.ts';
import type { ActorRecord } from '../../runtime/record.ts';

/** Who judges, and what it knows of the others. */
export interface Judge {
  membership: Pick<Membership, 'list' | 'lastHeardMs'>;
  config: { name: string };
}

export interface HostAway {
  agent: string;
  /** When the cluster last heard of the agent, in milliseconds since the epoch. */
  sinceMs: number;
  /** When the wait for it is over; null where the plan sets no bound. */
  untilMs: number | null;
  /** The agent has taken the run: something of it may be under way there. */
  isTaken: boolean;
}

/** Whose a run is: its owner's, else the one's to whom it is handed, else that of the agent that it is bound to. */
export function agentOf({ owner, handTo, context }: ActorRecord): string {
  return owner?.agent ?? handTo ?? String(context.agent);
}

/** Undefined for what is over, for what is no run, and while its agent is there. */
export function hostAwayOf(
  record: ActorRecord,
  members: readonly Member[],
  membership: Pick<Membership, 'lastHeardMs'>,
  self: string,
): HostAway | undefined {
  const agent = agentOf(record);
  if (record.final || agent === self || !isRunKind(record.kind)) return undefined;
  if (members.some(member => member.agent === agent && member.alive)) return undefined;
  const sinceMs = membership.lastHeardMs(agent) ?? Date.parse(record.at);
  const isTaken = record.owner !== null;
  return { agent, sinceMs, untilMs: untilOf(record, isTaken, sinceMs), isTaken };
}

/** The same of a record by what this agent knows now. */
export async function awayNow(record: ActorRecord, { membership, config }: Judge): Promise<HostAway | undefined> {
  return hostAwayOf(record, await membership.list(), membership, config.name);
}

/** In words, as what the run waits for. */
export function awayText({ agent, sinceMs, untilMs, isTaken }: HostAway): string {
  const away = `agent ${agent}, which is away and was last heard of at ${timeText(sinceMs)}`;
  const until = untilMs === null ? undefined : timeText(untilMs);
  if (isTaken) return until ? `${away}: the run is lost unless it is back by ${until}` : `${away}, to return`;
  return `${away}; nothing of the run has begun${until ? `, and it waits until ${until}` : ''}`;
}

/** The deadline that the run waits until. */
export function untilAway({ untilMs, isTaken }: HostAway): { deadline: string; at: string } | null {
  return untilMs === null ? null : { deadline: isTaken ? 'hostAway' : 'pending', at: timeText(untilMs) };
}

/** A record as people are shown it: with what nobody writes down while its agent is away. */
export function shownAway(record: ActorRecord, away: HostAway | undefined): ActorRecord {
  if (!away) return record;
  const { untilMs, isTaken } = away;
  const hint = 'start that agent again, and the run goes on there';
  const said = { reason: 'host-away', message: `it waits for ${awayText(away)}`, hint };
  const deadlines = isTaken && untilMs !== null ? { hostAway: timeText(untilMs) } : {};
  return {
    ...record,
    reason: said.reason,
    deadlines: { ...record.deadlines, ...deadlines },
    context: { ...record.context, ...said } as JsonObject,
  };
}

/** Shows records so, by what this agent knows now. */
export async function showing({ membership, config }: Judge): Promise<(record: ActorRecord) => ActorRecord> {
  const members = await membership.list();
  return record => shownAway(record, hostAwayOf(record, members, membership, config.name));
}

function untilOf(record: ActorRecord, isTaken: boolean, sinceMs: number): number | null {
  if (!isTaken) return record.deadlines.pending === undefined ? null : Date.parse(record.deadlines.pending);
  const { agent, policy } = runOf(record);
  // Another agent had begun to end it for its own: nothing is left to wait for.
  if (agent !== record.owner?.agent) return sinceMs;
  const { hostAway } = policy.deadlinesMs;
  return hostAway === undefined ? null : sinceMs + hostAway;
}
