/** A backup by restic that is interrupted and goes on: suspended by somebody, or by the death of its agent. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeWithTools } from '../../support/tools.ts';
import { statesOf, World } from '../../support/world.ts';
import { noise } from '../files/trees.ts';
import { TestRepository } from './repository.ts';

describeWithTools('a backup by restic that is interrupted', ['restic'], () => {
  let world: World;
  let repository: TestRepository;
  let config: string;

  beforeEach(async () => {
    world = await World.open();
    const place = join(world.directory, 'engine');
    mkdirSync(place);
    repository = new TestRepository(place);
    repository.make();
    writeFileSync(join(world.source, 'large'), noise(24_000_000, 'large'));
    const limits = { bytesPerSecond: '32MiB', runs: 4 };
    config = world.agentFile('here', { limits, repositories: { main: repository.document } });
  });
  afterEach(() => world?.close());

  async function running(): Promise<string> {
    await world.plan('docs', { engine: { type: 'restic', path: world.source }, repository: 'main' });
    const id = await world.start('docs');
    await world.moving(id);
    return id;
  }

  function expectOneSnapshot(id: string): void {
    expect(repository.snapshots().map(({ tags }) => tags)).toEqual([[`reeve-run:${id}`]]);
    expect(repository.files('locks')).toEqual([]);
    expect(repository.files('data').filter(name => name.includes('-tmp-'))).toEqual([]);
  }

  test('by a suspension leaves no process and no lock meanwhile, and completes afterwards', async () => {
    const agent = await world.runAgent({ config });
    const id = await running();
    await world.ask('backup.suspend', { id });
    await world.reached(id, ({ state }) => state === 'suspended');
    expect(world.processes().map(({ pid }) => pid)).toEqual([agent.pid]);
    expect(repository.files('locks')).toEqual([]);
    await world.ask('backup.resume', { id });
    expect(await world.ending(id)).toMatchObject({ state: 'completed', context: { kept: [] } });
    expectOneSnapshot(id);
  });

  test('by the death of its agent goes on under the next one, and completes', async () => {
    const agent = await world.runAgent({ config });
    const id = await running();
    await agent.kill();
    await world.runAgent({ config });
    expect(await world.ending(id)).toMatchObject({ state: 'completed', context: { kept: [] } });
    expect(statesOf(await world.history(id))).toContain('transferring');
    expectOneSnapshot(id);
  });
});
