/**
 * The runs that a drained agent has left at rest, while its process stays: they take a cancel, and their deadlines end
 * them. Nothing of them goes on before the agent works again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { MachineDefinition } from '../../runtime/definition.ts';
import type { ActorRecord } from '../../runtime/record.ts';
import type { StoredRecord } from '../../runtime/record-store.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { Supervisor } from '../../runtime/supervisor.ts';
import { inBackground } from '../in-background.ts';

export interface RestingRunsOptions {
  runtime: Runtime;
  agent: string;
  /** Kinds of runs, each with its definition. */
  definitions: readonly MachineDefinition[];
}

/** States in which nothing goes on by itself, or only to the end of the run. */
const resting = ['suspended', 'detached', 'cancelling', 'timing-out', 'cleaning'];
/** While NATS is away nobody can say which there are. */
const againMs = 1_000;
/** How long the end of one is waited for once the agent works again, or stops: whoever takes it up goes on with it. */
const endMs = 2_000;

/** Takes them up, without telling them that the agent is back; resolves once they are let go after `signal` is aborted. */
export async function watchResting(options: RestingRunsOptions, signal: AbortSignal): Promise<void> {
  const { runtime, agent, definitions } = options;
  const { host } = runtime;
  const { clock, observe, random } = host;
  const supervisor = new Supervisor({ name: 'resting', clock, observe, random, stopOrder: 'together' });
  for (const { returnedEvent: _, ...definition } of definitions) runtime.define(definition, supervisor);
  const isResting = ({ owner, state }: ActorRecord) =>
    owner?.agent === agent && resting.includes(state.split('.', 1)[0] ?? '');
  const takeUp = () => inBackground(runtime.adoptAll(isResting, recordsOf(options)), 'runs at rest', host);
  while (!signal.aborted && (await takeUp()) === undefined)
    await sleep(againMs, undefined, { signal }).catch(() => undefined);
  if (!signal.aborted) await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }));
  await supervisor.drain(clock.now() + endMs);
}

async function* recordsOf({ runtime, definitions }: RestingRunsOptions): AsyncIterable<StoredRecord> {
  for (const { kind } of definitions) yield* runtime.host.store.list(kind);
}
