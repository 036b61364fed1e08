/** How fast an agent that returns has ten thousand actors back, their deadlines armed. */
import { heapBytes, median, ms, percent, type Row, timed } from './measure.ts';
import {
  actorsSubject,
  bounded,
  forgetCreates,
  linkTo,
  memoryStores,
  natsStores,
  openRuntime,
  openServer,
  plainConnection,
  rawCreate,
  type Stores,
} from './stage.ts';

const count = 10_000;
const atOnce = 256;
const rounds = 4;

/** Fills a store with what a runtime leaves behind that ended. */
async function fill(stores: Stores): Promise<void> {
  const { runtime, close } = openRuntime(stores);
  await bounded(count, atOnce, n => runtime.start('lamp', `lamp-${n}`, { input: { room: 'hall' } }));
  await close();
}

/** A new incarnation takes all of them over; resolves with how long that took. */
async function adopt(stores: Stores): Promise<number> {
  heapBytes();
  const { runtime, clock, close } = openRuntime(stores);
  let adopted = 0;
  const tookMs = await timed(async () => {
    adopted = await runtime.adoptAll(() => true);
  });
  if (adopted !== count) throw new Error(`${adopted} of ${count} records were taken over`);
  if (clock.size < count) throw new Error(`${clock.size} alarms are set for ${count} deadlines`);
  await close();
  return tookMs;
}

async function fromMemory(): Promise<Row> {
  const stores = memoryStores();
  await fill(stores);
  const tookMs: number[] = [];
  for (let round = 0; round < rounds; round += 1) tookMs.push(await adopt(stores));
  const own = median(tookMs);
  return {
    figure: '10,000 records restored from memory with their deadlines',
    value: ms(own),
    anchor: '',
    ratio: '',
    target: '< 1 s',
    met: own < 1_000,
  };
}

async function fromNats(): Promise<Row> {
  const server = await openServer();
  const link = await linkTo(server.url);
  const plain = await plainConnection(server.url);
  try {
    const stores = natsStores(link);
    await fill(stores);
    const stored = await stores.store.read('lamp', 'lamp-0');
    const value = new TextEncoder().encode(JSON.stringify({ ...stored?.record, kind: 'bare' }));
    const own: number[] = [];
    const bare: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      own.push(await adopt(stores));
      const create = (n: number) => rawCreate(plain, actorsSubject(`${round}-${n}`, 'bare'), value);
      bare.push(await timed(() => bounded(count, atOnce, create)));
      await forgetCreates(plain, 'bare');
    }
    return {
      figure: `10,000 records restored from NATS, a write each (nats-server ${server.version})`,
      value: ms(median(own)),
      anchor: `10,000 bare creates ${ms(median(bare))}`,
      ratio: percent(median(own) / median(bare)),
      target: '< 1 s',
      met: median(own) < 1_000,
    };
  } finally {
    await plain.close();
    await link.close();
    await server.stop();
  }
}

export async function run(): Promise<Row[]> {
  return [await fromMemory(), await fromNats()];
}
