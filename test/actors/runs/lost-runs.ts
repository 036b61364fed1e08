/** What other agents, or an accident, may have done to a run's record while its agent was away. */
import { openLink } from '../../../src/nats/connection.ts';
import { Names } from '../../../src/nats/names.ts';
import { NatsRecordStore } from '../../../src/nats/record-store.ts';
import { prepareStorage } from '../../../src/nats/storage.ts';
import type { World } from '../../support/world.ts';

/** Ends the record of a run as an adopter does that gave its host up; what it left is left. */
export async function giveUp(world: World, id: string, kind = 'backup'): Promise<void> {
  await withStore(world, async store => {
    const stored = await store.read(kind, id);
    if (!stored) throw new Error(`there is no ${kind} ${id}`);
    const { record, revision } = stored;
    const written = await store.append({
      ...record,
      ...{
        state: 'lost',
        from: record.state,
        event: 'test',
        reason: 'host-away',
        final: true,
        deadlines: {},
        canTake: [],
      },
      context: { ...record.context, ending: 'lost', reason: 'host-away' },
      after: revision,
      write: { incarnation: 'an-adopter', n: 1 },
    });
    if (written.outcome !== 'effective') throw new Error(`${kind} ${id} moved meanwhile`);
  });
}

/** Takes the record of a run away, as a server does that lost its last writes. */
export async function loseRecord(world: World, id: string, kind = 'backup'): Promise<void> {
  const link = await linkOf(world);
  try {
    const filter = `$KV.REEVE_ACTORS.${kind}.${id}`;
    const answer = await link.connection.request('$JS.API.STREAM.PURGE.KV_REEVE_ACTORS', JSON.stringify({ filter }));
    const { purged } = answer.json<{ purged?: number }>();
    if (!purged) throw new Error(`nothing was purged of ${kind} ${id}`);
  } finally {
    await link.close();
  }
}

async function withStore(world: World, use: (store: NatsRecordStore) => Promise<void>): Promise<void> {
  const link = await linkOf(world);
  try {
    const names = new Names();
    const storage = await prepareStorage(link, names, {}, { signal: AbortSignal.timeout(10_000) });
    await use(new NatsRecordStore(link, names, storage));
  } finally {
    await link.close();
  }
}

function linkOf({ server }: World) {
  return openLink({ servers: [server.url], name: 'test' }, { signal: AbortSignal.timeout(10_000) });
}
