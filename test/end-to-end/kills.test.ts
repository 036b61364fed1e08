/** SIGKILL of the engine, of the agent, and of both, at random points of a backup. */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findBackup } from '../../src/repository/backup-list.ts';
import { openRepository } from '../../src/repository/repository.ts';
import { restoreBackup } from '../../src/repository/restore.ts';
import { describeTree } from '../engines/files/trees.ts';
import type { TestAgent } from '../support/agent.ts';
import { repetitions } from '../support/repetitions.ts';
import { holesIn, World } from '../support/world.ts';

let world: World;
let agent: TestAgent;
/** How long a backup takes here, in milliseconds. */
let backupMs: number;
/** The newest complete backup and the tree that it must restore. */
let previous: { id: string; tree: ReturnType<typeof describeTree> };
const complete: string[] = [];

beforeAll(async () => {
  world = await World.open();
  world.fill(20, 500_000, 'kept');
  agent = await world.runAgent();
  await world.plan('docs', { retry: { attempts: 20, backoff: '50ms..200ms' } });
  const began = performance.now();
  await backUpWhole();
  backupMs = performance.now() - began;
});
afterAll(() => world?.close());

async function backUpWhole(): Promise<void> {
  const { id, state } = await world.backUp('docs');
  expect(state).toBe('completed');
  remember(id);
}

function remember(id: string): void {
  complete.unshift(id);
  previous = { id, tree: describeTree(world.source) };
}

/** Restores a backup as somebody would who has nothing but the repository. */
async function restored(id: string): Promise<ReturnType<typeof describeTree>> {
  const repository = await openRepository(world.repository);
  const { manifest } = await findBackup(repository, id);
  const to = join(world.directory, 'restored');
  mkdirSync(to);
  const { signal } = new AbortController();
  await restoreBackup({ repository, manifest, to, include: [], signal, onProgress: () => undefined });
  const tree = describeTree(to);
  rmSync(to, { recursive: true });
  return tree;
}

const killEngines = () => {
  for (const { pid } of world.engines()) process.kill(pid, 'SIGKILL');
};
const kills: Record<string, () => Promise<void>> = {
  'the engine': async () => killEngines(),
  'the agent': () => agent.kill(),
  'the agent and the engine': async () => {
    const gone = agent.kill();
    killEngines();
    await gone;
  },
};

describe.each(Object.keys(kills))('%s, killed at a random point of a backup,', who => {
  const count = repetitions(20);
  test.each(Array.from({ length: count }, (_, index) => index))(
    'leaves nothing partial listed, the previous backup restores, and the next run completes (%i)',
    async index => {
      // Spread over a backup's length, so that few repetitions meet different points, too.
      const afterMs = ((index + Math.random()) / count) * backupMs;
      for (const name of readdirSync(world.source)) if (name.startsWith('new')) rmSync(join(world.source, name));
      world.fill(6, 700_000, `new-${who.replaceAll(' ', '-')}-${index}`);
      const id = await world.start('docs');
      await sleep(afterMs);
      await kills[who]?.();
      const listedThen = await world.listed();
      // The run itself may have been committed by then; else it is not listed, and nothing else ever is.
      expect(listedThen.filter(each => each !== id)).toEqual(complete);
      expect(await restored(previous.id)).toEqual(previous.tree);

      if (who !== 'the engine') agent = await world.runAgent();
      const { state } = await world.ending(id);
      expect(state).toBe('completed');
      expect(holesIn(await world.history(id))).toEqual([]);
      remember(id);
      expect(await world.listed()).toEqual(complete);
      expect(await world.catalogued()).toEqual(complete);

      await backUpWhole();
      expect(await world.listed()).toEqual(complete);
      expect(await restored(previous.id)).toEqual(previous.tree);
      expect(world.temporary()).toEqual([]);
      expect(world.engines()).toEqual([]);
    },
  );
});
