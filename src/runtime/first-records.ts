/**
 * How a durable actor comes to its agent: by its first record, or by a claim on the one that another left. Either way
 * its record is durable before anything of it runs.
 */
import { createActor } from 'xstate';
import { claimOf, selfOf, timesOf } from './claim.ts';
import type { MachineDefinition } from './definition.ts';
import type { DurableLogic } from './durable.ts';
import { DurableActor, type OnExit } from './durable-actor.ts';
import type { Host } from './host.ts';
import type { MailPosition, Owner } from './record.ts';
import type { StoredRecord } from './record-store.ts';
import { snapshotOf } from './snapshot-of.ts';
import { recordOf, timeText } from './step-record.ts';

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
 * record where the id is taken.
 */
export async function createDurable(
  host: Host,
  definition: MachineDefinition,
  id: string,
  options: CreateOptions,
  onExit: OnExit,
): Promise<{ actor: DurableActor } | { taken: StoredRecord }> {
  const at = host.clock.now();
  const owner: Owner = { ...host.owner, epoch: 1 };
  const rootOf = (logic: DurableLogic) => createActor(logic, { input: { ...options.input, at }, id });
  const actor = new DurableActor(host, definition, id, owner, onExit, rootOf, {
    place: options.mail,
    knownUntil: '',
  });
  const first = actor.snapshot;
  if ((first.status as string) === 'error') throw first.error;
  const event = { type: 'actor.created', note: options.note, requestId: options.requestId };
  const facts = { at, owner, n: host.nextWrite(), mail: options.mail, random: host.random };
  const { record, deadlines } = recordOf(definition, id, first, event, facts);
  const written = await host.store.append(record);
  if (written.outcome === 'superseded') return { taken: written.by };
  actor.stand({ record, revision: written.revision, deadlines }, true);
  return { actor };
}

/**
 * Takes a record over: when this resolves the claim is durable, and nothing of the actor has run. A record of this
 * incarnation needs no claim. `lost` says who was quicker. Throws where this machine cannot run the record.
 */
export async function adoptDurable(
  host: Host,
  definition: MachineDefinition,
  stored: StoredRecord,
  onExit: OnExit,
): Promise<{ actor: DurableActor } | { lost: StoredRecord }> {
  const { record, revision } = stored;
  const mine = record.owner?.incarnation === host.owner.incarnation ? record.owner : undefined;
  const owner: Owner = mine ?? { ...host.owner, epoch: (record.owner?.epoch ?? 0) + 1 };
  const known = selfOf(definition, record);
  const self = mine ? known : { ...known, state: definition.adoptedIn ?? known.state };
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

  const claim = claimOf(definition, stored, self, actor.snapshot, owner, host);
  const written = await host.store.append(claim.record);
  if (written.outcome === 'superseded') return { lost: written.by };
  actor.stand({ ...claim, revision: written.revision }, true);
  return { actor };
}
