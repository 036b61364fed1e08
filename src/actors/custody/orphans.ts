/**
 * The runs of other agents, and the end of those whose agent is away for good.
 *
 * 1. Of the agents that work one ends a run, the one that rendezvous hashing gives; where two differ for a moment the
 *    record's compare-and-set decides. Whoever created a run may end its wait as well, for it knows of it first.
 * 2. A run that its agent never took is taken over once its deadline `pending` is over, which then ends it. Any other is
 *    taken over with `host.away` once its agent has been away for its plan's `hostAway`: that step ends it as lost, and
 *    starts nothing of it.
 * 3. Who has only just begun to look gives the others a while to come back as well: after a power failure not all hosts
 *    are there at once.
 */
import { isUnavailable } from '../../core/answer-error.ts';
import { timeText } from '../../core/time-text.ts';
import { heirOf } from '../../domain/placement.ts';
import { runOf } from '../../domain/run.ts';
import { parsedPayload } from '../../runtime/intake.ts';
import type { Member, Membership } from '../../runtime/membership.ts';
import { type ActorRecord, keyOf } from '../../runtime/record.ts';
import type { StoredRecord } from '../../runtime/record-store.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { agentOf, hostAwayOf } from './host-away.ts';

export interface OrphansOptions {
  runtime: Runtime;
  agent: string;
  membership: Pick<Membership, 'list' | 'lastHeardMs'>;
}

/** How long others have to come back where this agent has only just begun to look; never longer than `hostAway`. */
const startMs = 5 * 60_000;

/** Longest note that is kept, in characters. */
const noteMax = 1_000;

export class Orphans {
  readonly #options: OrphansOptions;
  /** Runs of other agents that are not over, as they were last read. */
  readonly #runs = new Map<string, StoredRecord>();
  /** Those that this agent created. */
  readonly #created = new Set<string>();
  /** When it began to look, by the server's time. */
  #sinceMs: number | undefined;

  constructor(options: OrphansOptions) {
    this.#options = options;
  }

  /** Notes what was read of a run, whoever's it is. */
  note(stored: StoredRecord): void {
    const key = keyOf(stored.record);
    if (!stored.record.final && agentOf(stored.record) !== this.#options.agent) this.#runs.set(key, stored);
    else if (this.#runs.delete(key)) this.#created.delete(key);
  }

  /** A run was created here for another agent. */
  created(stored: StoredRecord): void {
    this.note(stored);
    const key = keyOf(stored.record);
    if (this.#runs.has(key)) this.#created.add(key);
  }

  /** Takes over what is this agent's to end. Reads nothing where nothing is. */
  async look(): Promise<void> {
    const { membership, agent } = this.#options;
    const nowMs = membership.lastHeardMs(agent);
    if (nowMs === undefined) return;
    this.#sinceMs ??= nowMs;
    if (this.#runs.size === 0) return;
    const members = await membership.list();
    for (const stored of [...this.#runs.values()])
      if (this.#isDue(stored.record, members, nowMs)) await this.#end(stored);
  }

  #isDue(record: ActorRecord, members: readonly Member[], nowMs: number): boolean {
    const { membership, agent, runtime } = this.#options;
    const away = hostAwayOf(record, members, membership, agent);
    if (!away || away.untilMs === null || !this.#isToEnd(record, members)) return false;
    if (!away.isTaken) return away.untilMs < runtime.host.clock.now();
    return away.untilMs <= nowMs && nowMs - (this.#sinceMs ?? nowMs) >= Math.min(startMs, away.untilMs - away.sinceMs);
  }

  #isToEnd(record: ActorRecord, members: readonly Member[]): boolean {
    const { agent } = this.#options;
    if (record.owner === null && this.#created.has(keyOf(record))) return true;
    const able = members.filter(
      ({ alive, mode, machines }) =>
        alive && mode === 'running' && (machines[record.kind] ?? 0) >= record.machine.version,
    );
    const others = able.filter(member => member.agent !== agent).map(({ agent: name }) => name);
    return (
      heirOf(
        record.id,
        [...others, agent].map(name => ({ agent: name, labels: {}, alive: true })),
      ) === agent
    );
  }

  async #end({ record: { kind, id }, revision }: StoredRecord): Promise<void> {
    const { runtime } = this.#options;
    const key = keyOf({ kind, id });
    const stored = await runtime.host.store.read(kind, id);
    if (stored?.revision !== revision) {
      this.#runs.delete(key);
      if (stored) this.note(stored); // looked at again as it is now
      return;
    }
    try {
      await runtime.adopt(stored, await this.#event(stored.record));
      this.#runs.delete(key);
    } catch (error) {
      // Any other failure is this agent's own: it is tried again when all records are read.
      if (!isUnavailable(error)) this.#runs.delete(key);
      throw error;
    }
  }

  /** What it is taken over with; undefined where its own deadline ends it, or another agent had begun to. */
  async #event(record: ActorRecord): Promise<({ type: 'host.away' } & Record<string, unknown>) | undefined> {
    const { membership } = this.#options;
    const { agent } = runOf(record);
    if (record.owner?.agent !== agent) return undefined;
    const since = timeText(membership.lastHeardMs(agent) ?? Date.parse(record.at));
    const cancel = await this.#unreadCancel(record);
    return { type: 'host.away', agent, since, cancelled: cancel !== undefined, note: cancel?.note };
  }

  /** The last cancel that its agent was sent and did not come to. */
  async #unreadCancel({ kind, id, mail }: ActorRecord): Promise<{ note: string | undefined } | undefined> {
    const unread = await this.#options.runtime.host.mailboxes.unread(kind, id, mail);
    const bodies = unread.map(({ payload }) => parsedPayload(payload));
    const cancel = bodies.findLast(body => body?.type === `${kind}.cancel`);
    return cancel && { note: typeof cancel.note === 'string' ? cancel.note.slice(0, noteMax) : undefined };
  }
}
