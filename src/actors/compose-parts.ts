/** Puts the parts of one agent together: its runtime on the cluster's stores, and what its runs share. */
import type { AgentConfig } from '../domain/agent-config.ts';
import type { Fact, Observer } from '../domain/facts.ts';
import { isRunKind, runKinds } from '../domain/run.ts';
import { turnLimitsOf, turnOf } from '../domain/turn.ts';
import { followDocuments, newestChange } from '../nats/document-feed.ts';
import { onEvent } from '../nats/events.ts';
import { publishProgress } from '../nats/progress.ts';
import type { EngineLimits } from '../runner/cgroup-leaves.ts';
import type { Host } from '../runtime/host.ts';
import { Runtime } from '../runtime/runtime.ts';
import type { SystemClock } from '../runtime/system-clock.ts';
import type { AgentParts } from './agent-parts.ts';
import type { Cluster } from './cluster.ts';
import { Custody } from './custody/custody.ts';
import { EngineRuns } from './runs/engine-runs.ts';
import { Hooks } from './runs/hooks.ts';
import { Pings } from './runs/pings.ts';
import { Turns } from './runs/turns.ts';
import { ScheduleFacts } from './schedules/schedule-facts.ts';

export interface Composition {
  config: AgentConfig;
  /** Reeve's version. */
  version: string;
  cluster: Cluster;
  clock: SystemClock;
  observe: Observer;
  /** Now, as RFC 3339. */
  now: () => string;
}

export function composeParts({ config, version, cluster, clock, observe, now }: Composition): AgentParts {
  const { store, mailboxes, refusals, plans, defaults, schedules, fates, definitions, catalog, entries } = cluster;
  const { membership, correspondence } = cluster;
  const { link, names, owner } = cluster;
  const turns = new Turns(turnLimitsOf(config));
  /** A turn is held until its run is over, or is another's: whatever became of the effects of its last state. */
  const giveTurn = (fact: Fact) => {
    if ((fact.fact === 'actor.transition' && fact.final) || fact.fact === 'actor.fenced') turns.give(fact.id);
  };
  const scheduleFacts = new ScheduleFacts({ recordOf: id => runtime.find('schedule', id)?.record, observe });
  let writes = 0;
  const host: Host = {
    store,
    mailboxes,
    refusals,
    reply: correspondence.reply,
    clock,
    owner,
    nextWrite: () => ++writes,
    random: Math.random,
    observe: fact => {
      giveTurn(fact);
      observe(fact);
      scheduleFacts.hear(fact);
    },
    poison: new Map(),
  };
  const tellProgress: AgentParts['tellProgress'] = (kind, id, progress) =>
    publishProgress(link, names, kind, id, progress);
  const engineRuns = new EngineRuns({
    data: config.data,
    onProgress: (kind, id, progress) => tellProgress(kind, id, progress),
    onReattached: (kind, id, found) => observe({ fact: 'engine.reattached', kind, id, found, at: now() }),
    onUnlimited: (kind, id, limits) => observe({ fact: 'engine.unlimited', kind, id, limits, at: now() }),
    limits: limitsOf(config),
    logBytesMax: config.limits.runDirectoryBytes,
  });
  const runtime = new Runtime(host, {
    // What the other owner makes of it is looked at once nothing of it runs here any more.
    onFenced: (kind, id) => {
      if (isRunKind(kind)) void engineRuns.stop(id, { graceMs: 0 }).finally(() => custody.compare());
    },
  });
  const custody: Custody = new Custody({
    runtime,
    agent: config.name,
    kinds: runKinds,
    clock,
    observe,
    membership,
    beforeAdoption: run => {
      if (run.admitted) turns.hold(turnOf(run));
    },
    leftOf: id => engineRuns.leftOf(id),
    stopLeft: id => engineRuns.stopLeft(id),
  });
  return {
    config,
    version,
    runtime,
    custody,
    store,
    plans,
    defaults,
    schedules,
    fates,
    definitions,
    catalog,
    entries,
    membership,
    clock,
    observe,
    engineRuns,
    turns,
    hooks: new Hooks({ data: config.data, hooks: config.hooks, observe, now }),
    pings: new Pings({ pings: config.pings, observe, now }),
    ask: (kind, id, command, withinMs) => correspondence.ask(kind, id, command, withinMs),
    followDocuments: heard => followDocuments(link, names, heard),
    newestChange: () => newestChange(link, names),
    onEvent: (kind, id, hint) => onEvent(link, names, kind, id, hint),
    untilReplayed: (kind, id, signal) => store.untilReplayed(kind, id, signal),
    askAgents: (command, input, withinMs) => correspondence.askAgents(names.command(command), input, withinMs),
    tellProgress,
  };
}

function limitsOf({ limits }: AgentConfig): EngineLimits {
  const { memoryBytesPerRun, cpusPerRun } = limits;
  return {
    ...(memoryBytesPerRun !== null && { memoryBytes: memoryBytesPerRun }),
    ...(cpusPerRun !== null && { cpus: cpusPerRun }),
  };
}
