/**
 * How a durable actor comes to its agent: by its first record, or by a claim on the one that another left. Either way
 * its record is durable before anything of it runs.
 */
import { createActor, type EventObject } from 'xstate';
import { timeText } from '../core/time-text.ts';
import { claimOf, selfAfterClaim, selfOf, timesOf } from './claim.ts';
import type { MachineDefinition } from './definition.ts';
import type { DurableLogic } from './durable.ts';
import { DurableActor, type OnExit } from './durable-actor.ts';
import type { Host } from './host.ts';
import { isBeyond } from './mailboxes.ts';
import { type ActorRecord, type MailPosition, type Owner, requestsMax } from './record.ts';
import type { StoredRecord } from './record-store.ts';
import { snapshotOf } from './snapshot-of.ts';
import { recordOf, type Standing } from './step-record.ts';

export interface CreateOptions {
  input: object;
  note?: string | undefined;
  requestId?: string | undefined;
  /** Where its mailbox begins: what lies before was meant for nobody. */
  mail: MailPosition;
}

/** How far the times of mail and of records may lie apart. */
const skewMs = 10_000;

/**
 * Creates an actor: when this resolves its first record is durable, and nothing of it has run. `taken` says by which
 * record where the id is taken; a final record that its kind returns from is followed.
 */
export async function createDurable(
  host: Host,
  definition: MachineDefinition,
  id: string,
  options: CreateOptions,
  onExit: OnExit,
): Promise<{ actor: DurableActor } | { taken: StoredRecord }> {
  const at = host.clock.now();
  let ended: StoredRecord | undefined;
  for (;;) {
    const { actor, standing } = firstOf(host, definition, id, options, at, onExit, ended);
    const written = await host.store.append(standing.record);
    if (written.outcome === 'effective') {
      actor.stand({ ...standing, revision: written.revision }, true);
      return { actor };
    }
    const { by } = written;
    if (!definition.returns || !by.record.final) return { taken: by };
    ended = by;
  }
}

/**
 * Writes the first record of an actor that another agent is to run: it has no owner, and names who is to take it.
 * `created` is false where the id is taken. Nothing of it runs here.
 */
export async function createForOther(
  host: Host,
  definition: MachineDefinition,
  id: string,
  options: CreateOptions & { handTo: string; signal?: AbortSignal | undefined },
): Promise<{ created: boolean; stored: StoredRecord }> {
  const { standing } = firstOf(host, definition, id, options, host.clock.now(), () => undefined);
  const record: ActorRecord = { ...standing.record, owner: null, handTo: options.handTo };
  const { signal } = options;
  const written = await host.store.append(record, signal ? { signal } : {});
  if (written.outcome === 'superseded') return { created: false, stored: written.by };
  const { kind, from, state, event, reason, note, final } = record;
  const told = { kind, id, from, state, event, reason, note, final, agent: options.handTo, at: record.at };
  host.observe({ fact: 'actor.transition', ...told });
  return { created: true, stored: { record, revision: written.revision } };
}

/** An actor that stands nowhere yet, and its first record, which follows `ended` where that is given. */
function firstOf(
  host: Host,
  definition: MachineDefinition,
  id: string,
  options: CreateOptions,
  at: number,
  onExit: OnExit,
  ended?: StoredRecord,
): { actor: DurableActor; standing: Standing } {
  const owner: Owner = { ...host.owner, epoch: (ended?.record.owner?.epoch ?? 0) + 1 };
  const input = { ...options.input, ...(ended && definition.returns?.(ended.record)), at };
  const mail = ended && isBeyond(ended.record.mail, options.mail) ? ended.record.mail : options.mail;
  const rootOf = (logic: DurableLogic) => createActor(logic, { input, id });
  const inbox = { place: mail, knownUntil: ended ? timeText(at + skewMs) : '' };
  const actor = new DurableActor(host, definition, id, owner, onExit, rootOf, inbox);
  const first = actor.snapshot;
  if ((first.status as string) === 'error') throw first.error;
  const event = { type: 'actor.created', note: options.note, requestId: options.requestId };
  const facts = { at, owner, n: host.nextWrite(), mail, random: host.random };
  const { record, deadlines } = recordOf(definition, id, first, event, facts);
  if (!ended) return { actor, standing: { record, deadlines, revision: 0 } };
  const requests = [...ended.record.requests, ...record.requests].slice(-requestsMax);
  const following = { ...record, from: ended.record.state, after: ended.revision, requests };
  return { actor, standing: { record: following, deadlines, revision: 0 } };
}

/**
 * Takes a record over: when this resolves the claim is durable, and nothing of the actor has run. A record of this
 * incarnation needs no claim. `lost` says who was quicker. Throws where this machine cannot run the record. With `event`
 * the claim is the step that the event leads to: nothing that the record's own state asks for begins.
 */
export async function adoptDurable(
  host: Host,
  definition: MachineDefinition,
  stored: StoredRecord,
  onExit: OnExit,
  event?: EventObject,
): Promise<{ actor: DurableActor } | { lost: StoredRecord }> {
  const { record, revision } = stored;
  const mine = record.owner?.incarnation === host.owner.incarnation ? record.owner : undefined;
  const owner: Owner = mine ?? { ...host.owner, epoch: (record.owner?.epoch ?? 0) + 1 };
  const stamped = event && ({ ...event, at: host.clock.now() } as EventObject);
  const self = mine
    ? selfOf(definition, record)
    : stamped
      ? selfAfterClaim(definition, record, stamped)
      : adoptedSelf(definition, record);
  const snapshot = snapshotOf(definition.machine, self);
  const rootOf = (logic: DurableLogic) => createActor(logic, { snapshot, id: record.id });
  const knownUntil = timeText(host.clock.now() + skewMs);
  const actor = new DurableActor(host, definition, record.id, owner, onExit, rootOf, {
    place: record.mail,
    knownUntil,
  });
  if (mine) {
    actor.stand({ record, revision, deadlines: timesOf(record.deadlines) }, false);
    return { actor };
  }

  const claim = claimOf(definition, stored, self, actor.snapshot, owner, host, stamped);
  const written = await host.store.append(claim.record);
  if (written.outcome === 'superseded') return { lost: written.by };
  actor.stand({ ...claim, revision: written.revision }, true);
  return { actor };
}

function adoptedSelf(definition: MachineDefinition, record: ActorRecord): Pick<ActorRecord, 'state' | 'context'> {
  const known = selfOf(definition, record);
  return { ...known, state: definition.adoptedIn ?? known.state };
}
