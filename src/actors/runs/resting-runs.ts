/**
 * The runs that a drained agent has at rest, while its process stays: those that it left so, and those that are made for it
 * meanwhile. They take a cancel, and their deadlines end them. Nothing of them goes on before the agent works again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { EventObject } from 'xstate';
import type { MachineDefinition } from '../../runtime/definition.ts';
import type { StoredRecord } from '../../runtime/record-store.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { Supervisor } from '../../runtime/supervisor.ts';
import { agentOf } from '../custody/host-away.ts';
import { inBackground } from '../in-background.ts';

export interface RestingRunsOptions {
  runtime: Runtime;
  agent: string;
  /** Kinds of runs, each with its definition. */
  definitions: readonly MachineDefinition[];
}

/** States in which nothing goes on by itself, or only to the end of the run. */
const resting = ['suspended', 'detached', 'cancelling', 'timing-out', 'cleaning'];
/** How often it looks for runs that others made for this agent. */
const lookMs = 2_000;
/** How long the end of one is waited for once the agent works again, or stops: whoever takes it up goes on with it. */
const endMs = 2_000;

/** Takes them up, without telling them that the agent is back; resolves once they are let go after `signal` is aborted. */
export async function watchResting(options: RestingRunsOptions, signal: AbortSignal): Promise<void> {
  const { runtime, definitions } = options;
  const { clock, observe, random } = runtime.host;
  const supervisor = new Supervisor({ name: 'resting', clock, observe, random, stopOrder: 'together' });
  for (const { returnedEvent: _, ...definition } of definitions) runtime.define(definition, supervisor);
  const readTo = new Map<string, number>();
  while (!signal.aborted) {
    await inBackground(takeUp(options, readTo), 'runs at rest', runtime.host);
    await sleep(lookMs, undefined, { signal, ref: false }).catch(() => undefined);
  }
  await supervisor.drain(clock.now() + endMs);
}

/** Takes up what was written since the last look: what rests as it is, and what nobody took yet as drained. */
async function takeUp({ runtime, agent, definitions }: RestingRunsOptions, readTo: Map<string, number>): Promise<void> {
  const own: StoredRecord[] = [];
  const untaken: StoredRecord[] = [];
  const seenTo = new Map<string, number>();
  for (const { kind } of definitions)
    for await (const stored of runtime.host.store.list(kind, readTo.get(kind))) {
      seenTo.set(kind, Math.max(seenTo.get(kind) ?? 0, stored.revision));
      const { owner, state, final } = stored.record;
      if (final || agentOf(stored.record) !== agent || runtime.find(kind, stored.record.id)) continue;
      if (owner === null) untaken.push(stored);
      else if (resting.includes(state.split('.', 1)[0] ?? '')) own.push(stored);
    }
  await runtime.adoptAll(() => true, own);
  const drain = { type: 'run.drain', deadline: runtime.host.clock.now() } as EventObject;
  for (const stored of untaken) await runtime.adopt(stored, drain);
  for (const [kind, revision] of seenTo) readTo.set(kind, revision);
}
