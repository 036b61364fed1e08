/**
 * What every external engine must do, held against it through a real agent on a real nats-server.
 *
 * An engine joins with a file of its own, `test/engines/<name>/contract.test.ts`, which calls `engineContract` with its
 * name, the tools that it needs, and a function that sets one up in an empty directory and says how to treat it
 * (`EngineUnderTest`). What a tool has not (credentials, a verify) is left out there, and its tests with it. The tests
 * of an engine share one world and run in their order; each of them leaves the source and the repository whole, but for
 * the last one, which damages the repository. The whole agent may read 32 MiB/s, each of its four runs 8 MiB/s, unless
 * `agent.limits` says otherwise; `growSource` must make the next backup take a few seconds, so that it can be hit.
 */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestAgent } from '../support/agent.ts';
import { eventually } from '../support/eventually.ts';
import type { FoundProcess } from '../support/processes.ts';
import { describeWithTools } from '../support/tools.ts';
import { holesIn, statesOf, World } from '../support/world.ts';

/** The part of a plan that differs between the tests. */
export interface PlanPart {
  /** The plan's `engine`. */
  engine: object;
  /** A name of the agent's `repositories`. */
  repository: string;
}

export interface EngineUnderTest {
  /** More of the agent's file: `repositories`, and what else the plans name. */
  agent: { repositories: object } & Readonly<Record<string, unknown>>;
  /** A plan that works. */
  plan: PlanPart;
  /** Makes the source that the plan names: a small one. */
  makeSource(): void | Promise<void>;
  /** Changes what is in it, so that a backup before and one after are told apart. */
  changeSource(): void | Promise<void>;
  /** Adds so much to it, each time anew, that the next backup takes some seconds; the backup then shows bytes at once. */
  growSource(): void | Promise<void>;
  /** What a restore must give, as the source is now; compared by `toEqual`. */
  describeSource(): unknown;
  /** The same of a directory that a restore wrote. Absent where this engine restores otherwise. */
  describeRestored?(directory: string): unknown;
  /** True for a process of its tool, which the test kills. `command` is its argv. */
  isEngine(process: FoundProcess): boolean;
  /**
   * What of a run lies in the repository or the source's place that should not, in words: part of a backup that is
   * listed nowhere, a snapshot, a lock. Asked with the ids of the runs whose backups exist.
   */
  leftovers(runs: readonly string[]): string[] | Promise<string[]>;
  /** The same plan with a repository or source that refuses its credentials. */
  wrongCredentials?: PlanPart;
  /** The same plan with a source that is not there. */
  sourceMissing: PlanPart;
  /** The same plan where the agent has not the tool; without it the plan of the others, on an agent without a PATH. */
  engineMissing?: PlanPart;
  /** The same plan with a repository that cannot be reached; it must show within a few seconds. */
  unreachable: PlanPart;
  /** Without its repository it cannot know whether a run has left anything there, and tells that as kept. */
  cannotTellWhatIsLeft?: true;
  /** Damages the repository so that a verify of the newest backup finds it. Absent where it verifies nothing. */
  damage?(): void | Promise<void>;
}

export interface Contract {
  name: string;
  /** Commands that must be on PATH. */
  tools: readonly string[];
  /** Sets one up in a directory that is there and empty. */
  open(directory: string): EngineUnderTest | Promise<EngineUnderTest>;
}

/** What a cancel may take beside what the machine of the tests has to do. */
const cancelBoundMs = 10_000;

export function engineContract({ name, tools, open }: Contract): void {
  describeWithTools(`the engine ${name}`, tools, () => {
    let world: World;
    let engine: EngineUnderTest;
    let agentPids: number[];
    let here: TestAgent;
    let config: string;
    /** The backups that exist, oldest first, and what each of them must restore to. */
    const backups: { id: string; tree: unknown }[] = [];
    let restores = 0;

    beforeAll(async () => {
      world = await World.open();
      const place = join(world.directory, 'engine');
      mkdirSync(place);
      engine = await open(place);
      await engine.makeSource();
      const limits = { bytesPerSecond: '32MiB', runs: 4 };
      config = world.agentFile('here', { limits, ...engine.agent });
      const bareConfig = world.agentFile('bare', { limits, ...engine.agent });
      const empty = join(world.directory, 'empty');
      mkdirSync(empty);
      const [agent, bare] = await Promise.all([
        world.runAgent({ config }),
        world.runAgent({ name: 'bare', data: world.dataOf('bare'), config: bareConfig, env: { PATH: empty } }),
      ]);
      here = agent;
      agentPids = [agent.pid, bare.pid];
      await plan('main', engine.plan);
    });
    afterAll(() => world?.close());

    async function plan(planName: string, part: PlanPart, more: object = {}): Promise<void> {
      await world.plan(planName, { ...part, placement: { agent: 'here' }, ...more });
    }

    function strangers(): FoundProcess[] {
      return world.processes().filter(({ pid }) => !agentPids.includes(pid));
    }

    async function backUp(): Promise<void> {
      const tree = engine.describeSource();
      const record = await world.backUp('main');
      expect(record).toMatchObject({ state: 'completed', context: { reason: null, slot: 'manifest', kept: [] } });
      backups.push({ id: record.id, tree });
      await expectNothingLeft();
    }

    /** No process, no directory of a run, nothing in the repository but the backups that are listed. */
    async function expectNothingLeft(): Promise<void> {
      const ids = backups.map(({ id }) => id);
      expect(strangers()).toEqual([]);
      expect(world.runDirectories()).toEqual([]);
      expect((await world.catalogued()).sort()).toEqual([...ids].sort());
      expect(await engine.leftovers(ids)).toEqual([]);
    }

    async function expectRestored({ id, tree }: { id: string; tree: unknown }): Promise<void> {
      if (!engine.describeRestored) return;
      restores += 1;
      const to = join(world.directory, `restored-${restores}`);
      const { id: run } = await world.ask('restore.start', { backup: id, to });
      expect(await world.ending(String(run), 'restore')).toMatchObject({ state: 'completed', context: { kept: [] } });
      expect(engine.describeRestored(to)).toEqual(tree);
    }

    async function expectFailed(part: PlanPart, reason: string, more: object = {}): Promise<void> {
      const failing = reason.replace('repository-', '');
      await plan(failing, part, { retry: { attempts: 2, backoff: '50ms..50ms' }, ...more });
      const record = await world.backUp(failing);
      const kept = engine.cannotTellWhatIsLeft ? [expect.stringContaining(record.id)] : [];
      if (reason === 'source-missing') kept.length = 0;
      expect(record).toMatchObject({ state: 'failed', context: { reason, kept } });
      expect(record.context.message).not.toBe('');
      expect(record.context.hint).not.toBe('');
      await expectNothingLeft();
    }

    test('a backup completes, is listed, and leaves nothing else behind', async () => {
      await backUp();
      const { context } = await world.record(backups[0]?.id ?? '');
      expect((context.result as { bytes: number }).bytes).toBeGreaterThan(0);
    });

    test('a changed source makes a second backup, and each restores to what it was made of', async () => {
      await engine.changeSource();
      await backUp();
      for (const backup of backups) await expectRestored(backup);
    });

    test('a backup that the retention of its plan lets go is removed, it alone, and the others restore', async () => {
      await plan('kept', engine.plan, { retention: { keepLast: 1 } });
      const tree = engine.describeSource();
      const [older, newer] = [await world.backUp('kept'), await world.backUp('kept')];
      const [prune] = await eventually('its prune', async () => {
        const { prunes } = await world.ask('prune.list', { plan: 'kept' });
        return (prunes as { id: string }[]).length > 0 && (prunes as { id: string }[]);
      });
      expect(await world.ending(String(prune?.id), 'prune')).toMatchObject({
        state: 'completed',
        context: { message: `removed 1 backup: ${older.id}`, attempt: 1, kept: [] },
      });
      backups.push({ id: newer.id, tree });
      await expectNothingLeft();
      for (const backup of backups.slice(-2)) await expectRestored(backup);
    });

    test('a cancel of a running backup ends it in time, and leaves no process and no part of it', async () => {
      await engine.growSource();
      const id = await world.start('main');
      await world.moving(id);
      const since = performance.now();
      await world.ask('backup.cancel', { id });
      const record = await world.ending(id);
      expect(performance.now() - since).toBeLessThan(cancelBoundMs);
      expect(record).toMatchObject({
        state: 'cancelled',
        context: { reason: 'user-cancelled', slot: 'void', kept: [] },
      });
      expect(holesIn(await world.history(id))).toEqual([]);
      await expectNothingLeft();
      await expectRestored(backups.at(-1) as (typeof backups)[number]);
    });

    test('a backup whose engine is killed tries again and completes, or fails with a name', async () => {
      await engine.growSource();
      const tree = engine.describeSource();
      await plan('killed', engine.plan, { retry: { attempts: 2, backoff: '50ms..50ms' } });
      const id = await world.start('killed');
      await world.moving(id);
      const [victim] = await eventually('a process of the engine', () => {
        const found = world.processes().filter(each => engine.isEngine(each));
        return found.length > 0 && found;
      });
      process.kill((victim as FoundProcess).pid, 'SIGKILL');
      const record = await world.ending(id);
      expect(statesOf(await world.history(id))).toContain('retrying');
      if (record.state === 'completed') backups.push({ id, tree });
      else expect(record).toMatchObject({ state: 'failed', context: { reason: expect.any(String) } });
      expect(record.context.kept).toEqual([]);
      await expectNothingLeft();
      if (record.state === 'completed') await expectRestored({ id, tree });
    });

    test('a backup whose agent is killed goes on, and the next agent follows the same process to its end', async () => {
      await engine.growSource();
      const tree = engine.describeSource();
      await plan('detached', engine.plan, { onDrain: 'detach' });
      const id = await world.start('detached');
      await world.moving(id);
      const working = () => world.processes().filter(each => engine.isEngine(each));
      const [before] = await eventually('a process of the engine', () => working().length > 0 && working());
      await here.kill();
      expect(working().map(({ pid }) => pid)).toContain(before?.pid);
      here = await world.runAgent({ config });
      agentPids.push(here.pid);
      await here.told('engine.reattached', ({ found }) => found === 'alive' || found === 'ended');
      const record = await world.ending(id);
      expect(record).toMatchObject({ state: 'completed', context: { attempt: 1, resumes: 0, kept: [] } });
      expect(statesOf(await world.history(id))).not.toContain('retrying');
      backups.push({ id, tree });
      await expectNothingLeft();
      await expectRestored({ id, tree });
    });

    test('wrong credentials are told as auth-failed', async ({ skip }) => {
      if (!engine.wrongCredentials) return skip('it has no credentials');
      await expectFailed(engine.wrongCredentials, 'auth-failed');
    });

    test('a source that is not there is told as source-missing', async () => {
      await expectFailed(engine.sourceMissing, 'source-missing');
    });

    test('a tool that is not there is told as engine-missing', async () => {
      if (engine.engineMissing) return await expectFailed(engine.engineMissing, 'engine-missing');
      await expectFailed(engine.plan, 'engine-missing', { placement: { agent: 'bare' } });
    });

    test('a repository that cannot be reached is told as repository-unreachable', async () => {
      await expectFailed(engine.unreachable, 'repository-unreachable');
    });

    test('a verify and a drill pass a sound backup, and find a damaged one', async ({ skip }) => {
      if (!engine.damage) return skip('it verifies nothing');
      const newest = backups.at(-1)?.id;
      const look = async (kind: 'verify' | 'drill') => {
        const { id } = await world.ask(`${kind}.start`, { backup: newest });
        return await world.ending(String(id), kind);
      };
      for (const kind of ['verify', 'drill'] as const)
        expect(await look(kind)).toMatchObject({ state: 'completed', context: { kept: [] } });
      await expectNothingLeft();
      await engine.damage();
      for (const kind of ['verify', 'drill'] as const)
        expect(await look(kind)).toMatchObject({ state: 'failed', context: { reason: 'data-corrupt', kept: [] } });
      expect(strangers()).toEqual([]);
      expect(world.runDirectories()).toEqual([]);
      expect(readdirSync(join(world.data, 'scratch'))).toEqual([]);
    });
  });
}
