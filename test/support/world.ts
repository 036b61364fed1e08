/**
 * All that an end-to-end test needs: a real nats-server, a directory with a source and a place for a repository, real
 * agents on them, and a client. `close` ends every process that was started here.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { AnswerError } from '../../src/core/answer-error.ts';
import { type Answer, type Client, connectClient } from '../../src/nats/client.ts';
import { listBackups } from '../../src/repository/backup-list.ts';
import { openRepository } from '../../src/repository/repository.ts';
import { RunDirectory, runsWithDirectory } from '../../src/runner/run-directory.ts';
import type { ActorRecord } from '../../src/runtime/record.ts';
import { noise } from '../engines/files/trees.ts';
import { type AgentStart, runAgent, startAgent, type TestAgent } from './agent.ts';
import { eventually } from './eventually.ts';
import { startNatsServer, type TestServer } from './nats-server.ts';
import { type FoundProcess, processesNaming } from './processes.ts';

export type HistoryRecord = ActorRecord & { revision: number };

export class World {
  readonly server: TestServer;
  /** Everything of the test lies in it: no other process of this host names it. */
  readonly directory: string;
  readonly source: string;
  readonly repository: string;
  readonly data: string;
  readonly #clients = new Map<number, Promise<Client>>();
  readonly #agents: TestAgent[] = [];
  readonly #cleaning: (() => void)[] = [];
  readonly #datas = new Set<string>();

  static async open(): Promise<World> {
    return new World(await startNatsServer());
  }

  private constructor(server: TestServer) {
    this.server = server;
    this.directory = mkdtempSync(join(tmpdir(), 'reeve-world-'));
    this.source = join(this.directory, 'source');
    this.repository = join(this.directory, 'repository');
    this.data = join(this.directory, 'data');
    mkdirSync(this.source);
  }

  async close(): Promise<void> {
    for (const client of this.#clients.values()) await (await client).close();
    await Promise.all(this.#agents.map(agent => agent.kill()));
    // Until none is left: one that is being killed can still write, and a runner can have started another meanwhile.
    await eventually('no process of the world', () => {
      const left = this.processes();
      for (const { pid } of left) killIfThere(pid);
      return left.length === 0;
    });
    // Those that were killed with their runners leave groups of theirs.
    for (const data of this.#datas)
      for (const id of await runsWithDirectory(data)) await new RunDirectory(data, id).remove();
    await this.server.stop();
    for (const clean of this.#cleaning) clean();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Calls `clean` at the end, when no process of the world is left. */
  onClose(clean: () => void): void {
    this.#cleaning.push(clean);
  }

  /** The data directory of an agent that is not the world's first. */
  dataOf(name: string): string {
    return join(this.directory, `data-${name}`);
  }

  /** Writes the file of an agent, for `config` of `runAgent`, and returns its path. Flags set its name and data. */
  agentFile(name: string, document: object): string {
    const path = join(this.directory, `agent-${name}.yaml`);
    writeFileSync(path, stringify({ kind: 'Agent', name, data: this.data, ...document }));
    return path;
  }

  /** Starts an agent and resolves when it answers commands. Its engines are named by the world's directory, too. */
  async runAgent(start: Partial<AgentStart> = {}): Promise<TestAgent> {
    const agent = await runAgent(this.#startOf(start));
    this.#agents.push(agent);
    return agent;
  }

  /** Starts an agent, and does not wait for it. */
  startAgent(start: Partial<AgentStart> = {}): TestAgent {
    const agent = startAgent(this.#startOf(start));
    this.#agents.push(agent);
    return agent;
  }

  /** Ends every agent by SIGTERM, so that the next one is another incarnation. */
  async stopAgents(): Promise<void> {
    await Promise.all(this.#agents.map(agent => agent.terminate()));
  }

  /** One request to the command service. */
  async ask(command: string, input: object = {}): Promise<Answer> {
    return await (await this.client()).request(command, input);
  }

  /** The code, message and hint of a request that must be refused. */
  async refusal(command: string, input: object): Promise<{ code: string; message: string; hint: string }> {
    const answer: unknown = await this.ask(command, input).catch((error: unknown) => error);
    if (!(answer instanceof Error && 'code' in answer))
      throw new Error(`${command} was not refused: ${String(answer)}`);
    return answer as Error & { code: string; hint: string };
  }

  client(timeoutMs = 10_000): Promise<Client> {
    const client = this.#clients.get(timeoutMs) ?? connectClient({ url: this.server.url, timeoutMs });
    this.#clients.set(timeoutMs, client);
    return client;
  }

  /** Fills the source with so many files of so many bytes each, which no engine can compress or find again. */
  fill(files: number, bytesEach: number, seed = 'fill'): void {
    for (let index = 0; index < files; index += 1)
      writeFileSync(join(this.source, `${seed}-${index}`), noise(bytesEach, `${seed} ${index}`));
  }

  /** Puts a plan of the source; `more` is laid over it. */
  async plan(name: string, more: object = {}): Promise<Answer> {
    const engine = { type: 'files', path: this.source };
    const said = { name, engine, repository: { path: this.repository }, onDrain: 'suspend', ...more };
    return await this.ask('plan.put', said);
  }

  /** Starts a backup and resolves with its id. */
  async start(plan: string, more: object = {}): Promise<string> {
    return String((await this.ask('backup.start', { plan, ...more })).id);
  }

  /** A backup from its start to its end. */
  async backUp(plan: string): Promise<HistoryRecord> {
    return await this.ending(await this.start(plan));
  }

  async record(id: string, kind = 'backup'): Promise<HistoryRecord> {
    return (await this.read('actor.get', { kind, id })).actor as HistoryRecord;
  }

  /** Resolves with the record of a run once it is over. */
  async ending(id: string, kind = 'backup', withinMs = 40_000): Promise<HistoryRecord> {
    return await this.reached(id, record => record.final, kind, withinMs);
  }

  /** Resolves with the record of an actor once it is as wanted. */
  async reached(
    id: string,
    wanted: (record: HistoryRecord) => boolean,
    kind = 'backup',
    withinMs = 30_000,
  ): Promise<HistoryRecord> {
    let last: HistoryRecord | undefined;
    const look = async () => {
      last = await this.record(id, kind).catch(() => last);
      return last && wanted(last) ? last : undefined;
    };
    return await eventually(`${kind} ${id} as wanted`, look, withinMs).catch((cause: unknown) => {
      throw new Error(`${String(cause)}; it is ${last?.state}: ${JSON.stringify(last?.context)}`);
    });
  }

  /** Resolves once a run moves bytes. */
  async moving(id: string): Promise<HistoryRecord> {
    const isMoving = ({ state, context }: HistoryRecord) =>
      state === 'transferring' && ((context.progress as { bytesDone: number | null }).bytesDone ?? 0) > 0;
    return await this.reached(id, isMoving);
  }

  /** All records of an actor, oldest first. */
  async history(id: string, kind = 'backup'): Promise<HistoryRecord[]> {
    return ((await this.read('actor.history', { kind, id, limit: 1_000 })).records as HistoryRecord[]).reverse();
  }

  /** The ids of what the catalog lists, newest first. */
  async catalogued(): Promise<string[]> {
    return ((await this.read('catalog.list')).backups as { id: string }[]).map(({ id }) => id);
  }

  /** The ids of the backups that the repository itself lists, newest first. */
  async listed(repository = this.repository): Promise<string[]> {
    return (await listBackups(await openRepository(repository))).backups.map(({ id }) => id);
  }

  /** What lies in the repository's place for temporary files. */
  temporary(repository = this.repository): string[] {
    return readdirSync(join(repository, 'tmp'));
  }

  /** The runs that have a directory in the agent's data. */
  runDirectories(data = this.data): string[] {
    return readdirSync(join(data, 'runs'));
  }

  /** Every process of this world: agents and their engines. */
  processes(): FoundProcess[] {
    return processesNaming(this.directory);
  }

  /** The engine processes of this world, without their runners. */
  engines(): FoundProcess[] {
    return this.processes().filter(
      ({ command }) => command.some(word => word.includes('engines/files/process')) && !command.some(isRunner),
    );
  }

  /** Every process of this world that is no agent. */
  workers(): FoundProcess[] {
    return this.processes().filter(({ command }) => !command.some(word => word.endsWith('src/main.ts')));
  }

  /** Resolves with an engine process that a failpoint or a signal has stopped. */
  async stoppedEngine(): Promise<FoundProcess> {
    return await eventually(
      'an engine that is stopped',
      () => this.engines().find(({ state }) => state === 'T'),
      30_000,
    );
  }

  /** What is asked into a lost connection is never answered: it is asked again. */
  async read(command: string, input: object = {}): Promise<Answer> {
    const client = await this.client(1_000);
    return await eventually(`an answer to ${command}`, () =>
      client.request(command, input).catch((error: unknown) => {
        if (error instanceof AnswerError && error.code === 'unavailable') return undefined;
        throw error;
      }),
    );
  }

  #startOf({ env, ...start }: Partial<AgentStart>): AgentStart {
    this.#datas.add(start.data ?? this.data);
    const marked = { TMPDIR: this.directory, ...env };
    const config = join(this.directory, 'slow-agent.yaml');
    writeFileSync(config, slow(this.data));
    return { url: this.server.url, name: 'here', data: this.data, config, ...start, env: marked };
  }
}

/** Reads no faster than a modest disk, so that what happens in the middle of a run does so on every machine. */
function slow(data: string): string {
  return `kind: Agent\nname: here\ndata: ${data}\nlimits: { bytesPerSecond: 160MiB }\n`;
}

/** The names of a history's states, repetitions left out. */
export function statesOf(history: readonly HistoryRecord[]): string[] {
  return history.map(({ state }) => state).filter((state, index, all) => state !== all[index - 1]);
}

/** What is wrong with a history, in words: each record must follow the one before it, in the log and in the chart. */
export function holesIn(history: readonly HistoryRecord[]): string[] {
  return history.flatMap((record, index) => {
    const before = history[index - 1];
    const holes: string[] = [];
    if (record.after !== (before?.revision ?? 0))
      holes.push(`${record.revision} (${record.state}) follows ${record.after}, not ${before?.revision ?? 0}`);
    if (record.from !== (before?.state ?? null))
      holes.push(`${record.revision} (${record.state}) comes from ${record.from}, not ${before?.state ?? null}`);
    return holes;
  });
}

function isRunner(word: string): boolean {
  return word.endsWith('runner/runner.sh');
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
