/**
 * One agent, put together: the cluster's side, the runtime with its supervision tree, the command service.
 *
 * 1. The lease of its name is taken before anything of the name's is touched.
 * 2. It ends by its own machine: SIGTERM and `agent.shutdown` send that machine one event, and when it is `stopped`
 *    what is left is closed, the lease last.
 * 3. What it has to write while NATS is away goes to the journal, so that its end never waits for a server.
 */
import { agentCommands, agentDeadlineMs, agentMachine, version as machineVersion } from '../../machines/agent.ts';
import { version as scheduleVersion } from '../../machines/schedule.ts';
import { isUnavailable } from '../core/answer-error.ts';
import { defectOf, errorOf } from '../core/defect.ts';
import { timeText } from '../core/time-text.ts';
import type { AgentConfig } from '../domain/agent-config.ts';
import type { Observer } from '../domain/facts.ts';
import { runKinds } from '../domain/run.ts';
import { type CommandService, serveCommands } from '../nats/command-service.ts';
import type { MachineDefinition } from '../runtime/definition.ts';
import type { ActorRecord } from '../runtime/record.ts';
import type { StoredRecord } from '../runtime/record-store.ts';
import { Supervisor } from '../runtime/supervisor.ts';
import { SystemClock } from '../runtime/system-clock.ts';
import { isDiskFull } from './agent-disk.ts';
import { agentEffectsOf } from './agent-effects.ts';
import type { AgentParts } from './agent-parts.ts';
import { type Cluster, joinCluster } from './cluster.ts';
import { commandTable } from './command-table.ts';
import { composeParts } from './compose-parts.ts';
import { closingMs, drainGraceMs } from './grace.ts';
import { watchNats } from './nats-watch.ts';
import { OverdueWatch } from './overdue/overdue-watch.ts';
import { speaks } from './responsibility.ts';
import { RetentionWatch } from './retention/retention-watch.ts';
import { reportDrill } from './runs/drill-report.ts';
import { runDefinitions } from './runs/run-definitions.ts';
import { type Schedules, schedulesOf } from './schedules/schedules.ts';
import { RecordSweeper } from './sweeping/record-sweeper.ts';
import { Sweeper } from './sweeping/sweeper.ts';
import { WorkTree } from './work-tree.ts';

export interface AgentOptions {
  config: AgentConfig;
  /** Reeve's version. */
  version: string;
  observe: Observer;
  /** Told why the start has to wait: NATS is away, or its storage is not ready. */
  waiting: (cause: Error) => void;
}

/** What the pings of the last runs, and the look at what they mean for their plans, may take of the grace. */
const lastWordsMs = 500;

/**
 * Starts an agent; resolves when it runs. Rejects with an AnswerError `conflict` where its name is taken, and with the
 * signal's reason when that is aborted.
 */
export async function startAgent(options: AgentOptions, signal: AbortSignal): Promise<Agent> {
  const { config, version, observe, waiting } = options;
  let agent: Agent | undefined;
  const now = () => timeText(Date.now());
  const versions = [...runKinds, 'agent'].map(kind => [kind, machineVersion] as const);
  const machines = { ...Object.fromEntries(versions), schedule: scheduleVersion };
  const journal = {
    onOvertaken: (by: StoredRecord) => agent?.overtaken(by),
    onReplayed: (counts: { records: number; superseded: number }) =>
      observe({ fact: 'journal.replayed', ...counts, at: now() }),
    onTrouble: (error: Error) => {
      const met = { where: 'journal', message: error.message, at: now() };
      if (isDiskFull(error)) observe({ fact: 'agent.disk-full', ...met });
      else observe({ fact: 'defect', ...met, stack: error.stack ?? null });
    },
  };
  const cluster = await onceThere(() => joinCluster({ config, version, machines, waiting, journal }, signal), options);
  agent = new Agent(options, cluster);
  await agent.open(signal);
  return agent;
}

/** NATS that goes away again while the agent joins is waited for as at the first try. */
async function onceThere(join: () => Promise<Cluster>, { waiting }: AgentOptions): Promise<Cluster> {
  for (;;) {
    try {
      return await join();
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      waiting(errorOf(error));
    }
  }
}

export class Agent {
  readonly parts: AgentParts;
  /** Resolves with the exit status when it has ended and everything is closed: 0 after a drain. */
  readonly ended: Promise<number>;
  readonly #options: AgentOptions;
  readonly #cluster: Cluster;
  readonly #clock: SystemClock;
  readonly #control: Supervisor;
  readonly #tree: WorkTree;
  readonly #schedules: Schedules;
  readonly #overdue: OverdueWatch;
  readonly #retention: RetentionWatch;
  readonly #sweeper: RecordSweeper;
  /** When it was told to end. */
  #endingSince: number | undefined;
  #service: CommandService | undefined;
  #isClosing = false;
  #end: (exit: number) => void = () => undefined;

  constructor(options: AgentOptions, cluster: Cluster) {
    const { config, version, observe } = options;
    const { membership } = cluster;
    this.#options = options;
    this.#cluster = cluster;
    this.#clock = new SystemClock({
      wall: () => Math.round(cluster.steady.now() + (membership.offsetMs() ?? 0)),
      onJump: byMs => {
        observe({ fact: 'clock.jumped', byMs, at: this.#now() });
        if (byMs < 0) this.#schedules.keeper.clockWentBack();
      },
    });
    const now = () => this.#now();
    const hear: Observer = fact => {
      this.#overdue.hear(fact);
      this.#retention.hear(fact);
      sweeper.hear(fact);
      reportDrill(fact, this.parts.runtime, observe);
      observe(fact);
    };
    this.parts = composeParts({ config, version, cluster, clock: this.#clock, observe: hear, now });
    const sweeper = new Sweeper(this.parts);
    this.#overdue = new OverdueWatch(this.parts);
    this.#retention = new RetentionWatch(this.parts);
    this.#sweeper = new RecordSweeper(this.parts);
    this.#schedules = schedulesOf(this.parts);
    const { runtime } = this.parts;
    this.#control = new Supervisor({ name: 'control', clock: this.#clock, observe, random: Math.random });
    this.#control.onEscalated(error => {
      this.#defect('supervision of the agent itself', error);
      void this.#close(1);
    });
    this.#tree = new WorkTree({
      runtime,
      agent: config.name,
      definitions: runDefinitions(this.parts),
      sweeper: sweeper.asChild(),
      custody: this.parts.custody,
      schedules: this.#schedules,
      onEscalated: error => this.#escalated(error),
    });
    this.ended = new Promise(resolve => {
      this.#end = resolve;
    });
    this.#watchLink();
    membership.onLost(by => runtime.tell('agent', config.name, { type: 'agent.fenced', by: by.incarnation }));
  }

  /** Takes over or creates the agent's own record, and with it begins to work. */
  async open(signal: AbortSignal): Promise<void> {
    const { config, version, observe } = this.#options;
    const { owner, store } = this.#cluster;
    const { runtime, membership } = this.parts;
    observe({
      fact: 'agent.started',
      incarnation: owner.incarnation,
      host: owner.host,
      version,
      pid: process.pid,
      at: this.#now(),
    });
    runtime.define(this.#definition(), this.#control);
    const self = { incarnation: owner.incarnation, host: owner.host, graceMs: drainGraceMs(config) };
    const stored = await store.read('agent', config.name);
    if (stored) {
      await runtime.adopt(stored);
      runtime.tell('agent', config.name, { type: 'agent.starting', ...self });
    } else {
      await runtime.start('agent', config.name, { input: { name: config.name, ...self } });
    }
    const actor = runtime.find('agent', config.name);
    if (!actor) throw new Error(`the record of agent ${config.name} could not be taken over`);
    const running = Promise.withResolvers<void>();
    const look = () => {
      const [mode = ''] = actor.record.state.split('.', 1);
      membership.announce({ mode, actors: [...runtime.actors].length - 1 });
      if (actor.record.context.incarnation !== owner.incarnation) return; // it speaks of the incarnation before
      if (mode === 'running' || mode === 'draining') running.resolve();
      if (actor.record.event === 'agent.shutdown') this.#endingSince ??= Date.now();
      if (mode === 'stopped' || mode === 'fenced') void this.#close(isDrained(actor.record) ? 0 : 1);
    };
    actor.watch(look);
    look();
    // Told to end while it starts: it has a record by now, which is to say so.
    const end = () => this.shutdown(signal.reason instanceof Error ? signal.reason.message : 'it was told to end');
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
    await Promise.race([running.promise, this.ended]);
    this.#overdue.open();
    void this.#retention.open();
    this.#sweeper.open();
  }

  /** Begins a drain that ends the agent, as a signal to the process asks for it. */
  shutdown(note: string): void {
    this.parts.runtime.tell('agent', this.#options.config.name, { type: 'agent.shutdown', note });
  }

  /** Ends whatever it runs at once: for a process that exits right after. */
  killEngines(): void {
    void this.parts.engineRuns.killAll();
  }

  /** A replay of the journal found another owner. */
  overtaken(by: StoredRecord): void {
    this.parts.runtime.find(by.record.kind, by.record.id)?.fence(by);
  }

  #definition(): MachineDefinition {
    const actors = agentEffectsOf(this.parts.runtime, this.#tree, () => this.#serve());
    return {
      kind: 'agent',
      version: machineVersion,
      machine: agentMachine.provide({ actors }),
      commands: agentCommands,
      deadlineMs: agentDeadlineMs,
      // Whatever the last incarnation was at, it is over: none of its effects is asked again.
      adoptedIn: 'stopped',
    };
  }

  async #serve(): Promise<void> {
    const { link, names } = this.#cluster;
    this.#service ??= await serveCommands(link, names, commandTable(this.parts), {
      version: this.#options.version,
      onDefect: (where, error) => this.#defect(where, error),
      speaks: () => speaks(this.parts),
    });
  }

  #escalated(error: Error): void {
    this.#defect('supervision of work', error);
    this.shutdown(error.message);
  }

  #watchLink(): void {
    const { link } = this.#cluster;
    const { newestChange: ask, custody } = this.parts;
    watchNats({ link, ask, observe: this.#options.observe, now: () => this.#clock.now() });
    link.onChange(up => {
      if (up) void custody.compare(); // others may have taken this agent for gone
    });
  }

  /** Everything that is left, the lease last; each part is bounded. */
  async #close(exit: number): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#endingSince ??= Date.now();
    const { link, membership, store } = this.#cluster;
    const bound = AbortSignal.timeout(closingMs - 500);
    this.parts.runtime.close();
    this.#retention.close();
    this.#sweeper.close();
    const { engineRuns, pings } = this.parts;
    await Promise.all([engineRuns.killAll(), pings.settled(lastWordsMs), this.#overdue.close(lastWordsMs)]);
    await this.#control.drain(this.#clock.now() + closingMs / 2);
    await this.#service?.stop(bound);
    await store.close();
    await this.parts.entries.close();
    await membership.leave(bound);
    await link.close();
    this.#clock.close();
    const tookMs = Date.now() - this.#endingSince;
    this.#options.observe({ fact: 'agent.stopped', exit, tookMs, at: timeText(Date.now()) });
    this.#end(exit);
  }

  #defect(where: string, error: unknown): void {
    this.#options.observe(defectOf(where, error, this.#now()));
  }

  #now(): string {
    return timeText(this.#clock.now());
  }
}

/** It stopped because it was told to, not because it could not join. */
function isDrained({ state, event }: ActorRecord): boolean {
  return state === 'stopped' && event !== 'xstate.error.actor.join';
}
