/** Backups by restic whose host stays away: the catalog keeps their commit slots, so whoever ends them can ask. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NatsCatalog } from '../../../src/nats/catalog-store.ts';
import { openLink } from '../../../src/nats/connection.ts';
import { Names } from '../../../src/nats/names.ts';
import { eventually } from '../../support/eventually.ts';
import { describeWithTools } from '../../support/tools.ts';
import { World } from '../../support/world.ts';
import { noise } from '../files/trees.ts';
import { TestRepository } from './repository.ts';

describeWithTools('a backup by restic whose host stays away', ['restic'], () => {
  let world: World;
  beforeEach(async () => {
    world = await World.open();
  });
  afterEach(() => world?.close());

  test('is lost once its slot is void, and not committed by the host that comes back; one that was committed is completed', async () => {
    const place = join(world.directory, 'engine');
    mkdirSync(place);
    const repository = new TestRepository(place);
    repository.make();
    writeFileSync(join(world.source, 'large'), noise(16_000_000, 'large'));
    const limits = { bytesPerSecond: '16MiB', runs: 4 };
    const file = { lease: '3s', limits, repositories: { main: repository.document } };
    const start = (name: string) =>
      world.runAgent({ name, data: world.dataOf(name), config: world.agentFile(name, file) });
    const [a] = await Promise.all([start('a'), start('b')]);
    const engine = { type: 'restic', path: world.source };
    const more = { engine, repository: 'main', placement: { agent: 'a' }, deadlines: { hostAway: '4s' } };
    for (const plan of ['docs', 'mail']) await world.plan(plan, { ...more, onDrain: 'detach' });
    const [docs, mail] = [await world.start('docs'), await world.start('mail')];
    await Promise.all([docs, mail].map(id => world.moving(id)));
    await a.kill();
    await settle(mail);

    const byB = { reason: null, owner: { agent: 'b', epoch: 2 } };
    expect(await world.ending(docs)).toMatchObject({
      ...{ ...byB, state: 'lost', reason: 'host-away' },
      context: { slot: 'void', message: expect.stringContaining('its agent a stayed away') },
    });
    expect(await world.ending(mail)).toMatchObject({ ...byB, state: 'completed', context: { slot: 'manifest' } });
    expect(await world.catalogued()).toEqual([mail]);

    const tagged = (id: string) => repository.snapshots().filter(({ tags }) => tags.includes(`reeve-run:${id}`));
    await eventually('restic has done all its work', () => tagged(docs).length === 1, 20_000);
    const back = await start('a');
    await back.told('run.given-up', ({ id, state }) => id === docs && state === 'lost');
    await back.told('sweep.removed', ({ where }) => String(where).endsWith(docs));
    expect(tagged(docs)).toEqual([]);
    expect(await world.catalogued()).toEqual([mail]);
    expect(await world.record(docs)).toMatchObject({ state: 'lost', owner: { agent: 'b' } });
  });

  /** Decides the slot of a run as its agent does that dies right after. */
  async function settle(run: string): Promise<void> {
    const link = await openLink({ servers: [world.server.url], name: 'test' }, { signal: AbortSignal.timeout(10_000) });
    const at = new Date().toISOString();
    const wanted = { slot: 'manifest' as const, run, manifest: 'f'.repeat(64), outcome: 'completed' as const, at };
    expect(await new NatsCatalog(link, new Names()).settle(wanted)).toEqual(wanted);
    await link.close();
  }
});
