/** The parts of one agent, as its commands and effects are handed them. */
import type { Clock } from '../core/clock.ts';
import type { AgentConfig } from '../domain/agent-config.ts';
import type { DefinitionsStore } from '../domain/agent-definitions.ts';
import type { Catalog } from '../domain/catalog.ts';
import type { DefaultsStore } from '../domain/defaults-store.ts';
import type { DocumentsHeard } from '../domain/document-feed.ts';
import type { Observer } from '../domain/facts.ts';
import type { FateStore } from '../domain/fate-store.ts';
import type { PlanStore } from '../domain/plan-store.ts';
import type { Progress } from '../domain/run.ts';
import type { ScheduleStore } from '../domain/schedule-store.ts';
import type { Membership } from '../runtime/membership.ts';
import type { RecordStore } from '../runtime/record-store.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Custody } from './custody/custody.ts';
import type { JournalledCatalog } from './journalled-catalog.ts';
import type { EngineRuns } from './runs/engine-runs.ts';
import type { Hooks } from './runs/hooks.ts';
import type { Pings } from './runs/pings.ts';
import type { Turns } from './runs/turns.ts';

export interface AgentParts {
  config: AgentConfig;
  /** Reeve's version. */
  version: string;
  runtime: Runtime;
  store: RecordStore;
  /** Read with their Defaults. */
  plans: PlanStore;
  defaults: DefaultsStore;
  schedules: ScheduleStore;
  fates: FateStore;
  /** What the files of all agents define. */
  definitions: DefinitionsStore;
  catalog: Catalog;
  /** The same for runs: they go on while NATS is away. */
  entries: JournalledCatalog;
  membership: Membership;
  clock: Clock;
  observe: Observer;
  engineRuns: EngineRuns;
  turns: Turns;
  /** Which runs are this agent's. */
  custody: Custody;
  hooks: Hooks;
  pings: Pings;
  /** Puts a command into a mailbox and resolves with the actor's answer. */
  ask: (kind: string, id: string, command: object, withinMs: number) => Promise<unknown>;
  /** Tells all documents that there are, and then each change of one, until the returned function is called. */
  followDocuments: (heard: DocumentsHeard) => Promise<() => void>;
  /** The place of the newest change of a document, as the feed of documents tells it. */
  newestChange: () => Promise<number>;
  /** Calls `hint` after steps of an actor, until the returned function is called; may miss some. */
  onEvent: (kind: string, id: string, hint: () => void) => () => void;
  /** Resolves when the newest step of an actor here is in the store, and not only in the journal. */
  untilReplayed: (kind: string, id: string, signal: AbortSignal) => Promise<void>;
  /** Asks all agents an internal command, and resolves with the answer of the one that it concerns. */
  askAgents: (command: string, input: object, withinMs: number) => Promise<unknown>;
  tellProgress: (kind: string, id: string, progress: Progress) => void;
}
