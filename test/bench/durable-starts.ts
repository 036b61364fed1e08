/** How fast durable actors start on a real nats-server, beside the creates that the server does for anybody. */
import { jetstream } from '@nats-io/jetstream';
import { inTurns, median, percent, type Row, rate, timed } from './measure.ts';
import {
  actorsSubject,
  bareCreate,
  bounded,
  linkTo,
  natsStores,
  openRuntime,
  openServer,
  plainConnection,
  rawCreate,
  type Stores,
} from './stage.ts';

const count = 2_000;
const atOnce = 64;
const rounds = 9;

/** The bytes of a lamp's first record. */
async function sampleOf(stores: Stores): Promise<Uint8Array> {
  const { runtime, close } = openRuntime(stores);
  const { record } = await runtime.start('lamp', 'sample', { input: { room: 'hall' } });
  await close();
  return new TextEncoder().encode(JSON.stringify(record));
}

export async function run(): Promise<Row[]> {
  const server = await openServer();
  const link = await linkTo(server.url);
  const plain = await plainConnection(server.url);
  const stores = natsStores(link);
  try {
    const value = await sampleOf(stores);
    let round = 0;
    // A new runtime each time, whose actors are stopped after it: a round must not carry those of the rounds before.
    const start = async () => {
      round += 1;
      const name = `own-${round}`;
      const { runtime, close } = openRuntime(stores);
      await runtime.openMail();
      const tookMs = await timed(() =>
        bounded(count, atOnce, n => runtime.start('lamp', `${name}-${n}`, { input: { room: 'hall' } })),
      );
      await close();
      return tookMs;
    };
    const creates = (create: (subject: string) => Promise<void>) => () => {
      round += 1;
      const name = `bare-${round}`;
      return timed(() => bounded(count, atOnce, n => create(actorsSubject(`${name}-${n}`))));
    };
    const client = jetstream(plain);
    const tookMs = await inTurns(rounds, {
      own: start,
      bare: creates(subject => bareCreate(client, subject, value)),
      raw: creates(subject => rawCreate(plain, subject, value)),
    });
    const [own, bare, raw] = [median(tookMs.own), median(tookMs.bare), median(tookMs.raw)];
    return [
      {
        figure: `durable starts, ${atOnce} at once (nats-server ${server.version})`,
        value: rate(count, own),
        anchor: `bare creates of the same ${value.length} bytes ${rate(count, bare)}`,
        ratio: percent(bare / own),
        target: '>= 60 %',
        met: bare / own >= 0.6,
      },
      {
        figure: 'the same, beside the least that a create can cost',
        value: rate(count, own),
        anchor: `raw requests ${rate(count, raw)}`,
        ratio: percent(raw / own),
        target: '',
        met: true,
      },
    ];
  } finally {
    await plain.close();
    await link.close();
    await server.stop();
  }
}
