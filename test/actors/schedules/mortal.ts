/**
 * An incarnation of an agent that dies at a chosen point of its doings: before or after anything that it asks of a store.
 * From then on nothing that it asked is ever answered, as of a process that was killed.
 */

import { runMachine } from '../../../machines/backup.ts';
import { scheduleDeadlineAt, scheduleDeadlineMs, scheduleMachine, version } from '../../../machines/schedule.ts';
import { PlansAtHand } from '../../../src/actors/schedules/plans-at-hand.ts';
import { scheduleEffectsOf } from '../../../src/actors/schedules/schedule-effects.ts';
import { agentConfigOf } from '../../../src/domain/agent-config.ts';
import type { TickFate } from '../../../src/domain/fate.ts';
import type { Plan } from '../../../src/domain/plan.ts';
import { scheduleCommands } from '../../../src/domain/schedule-commands.ts';
import type { Mailboxes } from '../../../src/runtime/mailboxes.ts';
import type { RecordStore, StoredRecord } from '../../../src/runtime/record-store.ts';
import { Runtime } from '../../../src/runtime/runtime.ts';
import { Supervisor } from '../../../src/runtime/supervisor.ts';
import { type MemoryHost, memoryHost } from '../../support/runtime-host.ts';

/** What outlives every incarnation. */
export interface World {
  host: MemoryHost;
  plan: Plan;
  fates: TickFate[];
}

export function newWorld(): World {
  const plan: Plan = { name: 'docs', engine: { type: 'files', path: '/srv' }, repository: 'nas' };
  return { host: memoryHost(), plan, fates: [] };
}

export class Mortal {
  readonly runtime: Runtime;
  /** Where it died. */
  diedAt: string | undefined;
  readonly #dieAt: number;
  #points = 0;

  /** It dies at the `dieAt`th point that it passes after `arm`. */
  constructor(world: World, incarnation: string, dieAt: number) {
    this.#dieAt = dieAt;
    const host = memoryHost(world.host, incarnation);
    const store = this.#store(world.host.store);
    const mailboxes = this.#mailboxes(world.host.mailboxes);
    this.runtime = new Runtime({ ...host, store, mailboxes });
    const { clock, observe, random } = host;
    const supervisor = new Supervisor({ name: 'work', clock, observe, random, stopOrder: 'together' });
    const unused = () => Promise.reject(new Error('nobody asks for this'));
    const plans = new PlansAtHand({ getWritten: unused }, () => this.#mortally('the newest change', async () => 1));
    plans.heard.change(1);
    plans.heard.plan(world.plan.name, { written: world.plan, revision: 1, paused: null });
    const actors = scheduleEffectsOf({
      config: agentConfigOf({ name: 'here', data: '/data' }),
      runtime: this.runtime,
      store,
      plans,
      catalog: {} as never,
      membership: { list: async () => [] } as never,
      clock,
      observe,
      custody: { take: async () => false, takeUntaken: async () => false, created: () => undefined },
      askAgents: unused,
      fates: {
        append: fate =>
          this.#mortally('a fate', async () => {
            world.fates.push(fate);
          }),
      },
      onEvent: (kind, id, hint) => {
        const following = world.host.store.watch(({ record }) => {
          if (record.kind === kind && record.id === id) hint();
        });
        return () => void following.then(stop => stop());
      },
      untilReplayed: async () => undefined,
    });
    this.runtime.define(
      {
        kind: 'schedule',
        version,
        machine: scheduleMachine.provide({ actors }),
        commands: scheduleCommands,
        deadlineMs: scheduleDeadlineMs,
        deadlineAt: scheduleDeadlineAt,
        returnedEvent: 'agent.returned',
      },
      supervisor,
    );
    this.runtime.define({ kind: 'backup', version: 1, machine: runMachine('backup') }, supervisor);
  }

  get isDead(): boolean {
    return this.diedAt !== undefined;
  }

  /** Its alarms must not ring for it any more. */
  async bury(): Promise<void> {
    this.diedAt ??= 'a moment of rest';
    for (const actor of this.runtime.actors) await actor.stop(AbortSignal.abort());
  }

  async #mortally<T>(what: string, work: () => Promise<T>): Promise<T> {
    await this.#point(`before ${what}`);
    const result = await work();
    await this.#point(`after ${what}`);
    return result;
  }

  async #point(where: string): Promise<void> {
    this.#points += 1;
    if (this.#points === this.#dieAt) this.diedAt ??= where;
    if (this.isDead) await new Promise(() => undefined);
  }

  #store(inner: RecordStore): RecordStore {
    return {
      append: (record, options) =>
        this.#mortally(`the record of a ${record.kind} that is ${record.state}`, () => inner.append(record, options)),
      read: (kind, id) => this.#mortally(`a read of a ${kind}`, () => inner.read(kind, id)),
      list: (kind, after) => inner.list(kind, after) as AsyncIterable<StoredRecord>,
      history: (kind, id, options) => inner.history(kind, id, options),
      watch: see => inner.watch(see),
      forget: stored => inner.forget(stored),
      isForgotten: (kind, id) => inner.isForgotten(kind, id),
    };
  }

  #mailboxes(inner: Mailboxes): Mailboxes {
    return {
      send: (kind, id, payload, options) => this.#mortally('a command', () => inner.send(kind, id, payload, options)),
      unread: (kind, id, after) => inner.unread(kind, id, after),
      follow: deliver => inner.follow(deliver),
      purge: (kind, id, upTo) => inner.purge(kind, id, upTo),
    };
  }
}
