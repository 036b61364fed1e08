/** The runtime on a real nats-server: acknowledgements that are lost, a server that stands still, dies, or is purged. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { RuntimeFact } from '../../src/core/runtime-facts.ts';
import { type Link, openLink } from '../../src/nats/connection.ts';
import { NatsMailboxes } from '../../src/nats/mailboxes.ts';
import { NatsRecordStore } from '../../src/nats/record-store.ts';
import { NatsRefusals } from '../../src/nats/refusals.ts';
import type { Host } from '../../src/runtime/host.ts';
import { JournalFile } from '../../src/runtime/journal-file.ts';
import { JournalledStore } from '../../src/runtime/journalled-store.ts';
import { Runtime } from '../../src/runtime/runtime.ts';
import { Supervisor } from '../../src/runtime/supervisor.ts';
import { SystemClock } from '../../src/runtime/system-clock.ts';
import { counter, linesOf } from '../support/counter.ts';
import { eventually } from '../support/eventually.ts';
import { startNatsProxy } from '../support/nats-proxy.ts';
import { natsServerBinaries } from '../support/nats-server.ts';
import { openNatsStore } from '../support/nats-store.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** An agent whose link leads through a proxy, and a client whose link does not. */
async function world(binary: string) {
  const nats = await openNatsStore({ binary });
  closing.push(() => nats.close());
  const proxy = await startNatsProxy(nats.server.port);
  closing.push(() => proxy.stop());
  const link: Link = await openLink({ servers: [proxy.url], name: 'agent' });
  closing.push(() => link.close());
  const directory = await mkdtemp(join(tmpdir(), 'reeve-runtime-'));
  closing.push(() => rm(directory, { recursive: true, force: true }));
  const facts: RuntimeFact[] = [];
  const overtaken: number[] = [];
  const store = new JournalledStore({
    store: new NatsRecordStore(link, nats.names),
    journal: new JournalFile(join(directory, 'journal')),
    link: {
      get isUp() {
        return link.isUp;
      },
      watch: changed => link.onChange(changed),
    },
    patienceMs: 500,
    retryEveryMs: 100,
    onOvertaken: ({ revision }) => overtaken.push(revision),
  });
  closing.push(() => store.close());
  const clock = new SystemClock();
  closing.push(async () => clock.close());
  let writes = 0;
  const host: Host = {
    store,
    mailboxes: new NatsMailboxes(link, nats.names),
    refusals: new NatsRefusals(link, nats.names),
    reply: () => undefined,
    clock,
    owner: { agent: 'here', host: 'host', incarnation: 'first' },
    nextWrite: () => ++writes,
    random: Math.random,
    observe: fact => facts.push(fact),
    poison: new Map(),
  };
  const runtime = new Runtime(host);
  const supervisor = new Supervisor({ name: 'counters', clock, observe: host.observe, random: Math.random });
  closing.push(() => supervisor.drain(clock.now() + 2_000));
  const file = join(directory, 'lines');
  runtime.define(counter(file), supervisor);
  await runtime.start('counter', 'one', { input: { id: 'one' } });
  await runtime.openMail();
  closing.push(async () => runtime.close());

  const boxes = new NatsMailboxes(nats.link, nats.names);
  let sent = 0;
  const send = async () => {
    sent += 1;
    await boxes.send(
      'counter',
      'one',
      Buffer.from(JSON.stringify({ type: 'count.add', mark: `m${sent}`, isWelcome: true })),
    );
  };
  const records = new NatsRecordStore(nats.link, nats.names);
  /** Every command so far has had its one effect, and the actor's log has each of its steps once. */
  const isWhole = async () => {
    await eventually('the last effect', () => linesOf(file).length === sent);
    const last = await eventually('the last step', async () => {
      const stored = await records.read('counter', 'one');
      return stored?.record.context.count === sent && stored.record.state === 'resting' && stored;
    });
    expect(linesOf(file).map(({ mark }) => mark)).toEqual(Array.from({ length: sent }, (_, n) => `m${n + 1}`));
    const history = await records.history('counter', 'one', { limit: 500 });
    expect(history[0]?.revision).toBe(last.revision);
    const writes = history.map(({ record }) => record.write.n);
    expect(writes).toEqual([...new Set(writes)].sort((one, other) => other - one));
    expect(overtaken).toEqual([]);
    const wrong = facts.filter(({ fact }) => fact === 'actor.crashed' || fact === 'actor.fenced' || fact === 'defect');
    expect(wrong).toEqual([]);
  };
  return { nats, proxy, link, runtime, boxes, send, isWhole, facts };
}

describe.each(await natsServerBinaries())('on %s', binary => {
  test('steps whose acknowledgements are lost are neither applied twice nor taken for a theft', async () => {
    const { proxy, send, isWhole } = await world(binary);
    for (let round = 0; round < 6; round += 1) {
      // Any of the three writes of a command: it is taken, its effect is done, it rests.
      const cut = proxy.cutAnswerTo('$KV.REEVE_ACTORS.counter.one');
      await send();
      await cut;
      await send();
      await isWhole();
    }
  });

  test('a server that stands still while a step is written neither loses nor doubles it', async () => {
    const { nats, send, isWhole, link } = await world(binary);
    await send();
    await isWhole();
    const { pid } = nats.server;
    if (pid === undefined) throw new Error('the server is down');
    for (let round = 0; round < 2; round += 1) {
      const sending = send();
      await sending;
      process.kill(pid, 'SIGSTOP');
      await eventually('the loss is noticed', () => !link.isUp);
      process.kill(pid, 'SIGCONT');
      await eventually('the agent is back', () => link.isUp);
      await nats.link.untilUp(AbortSignal.timeout(10_000));
      await isWhole();
    }
  });

  test('a mailbox that is purged and whose server is killed loses no later command', async () => {
    const { nats, boxes, send, isWhole, runtime } = await world(binary);
    for (let round = 0; round < 3; round += 1) {
      await send();
      await send();
      await isWhole();
      const place = runtime.find('counter', 'one')?.record.mail;
      if (!place) throw new Error('it does not run');
      await boxes.purge('counter', 'one', place);
      await nats.server.kill();
      await eventually('the loss is noticed', () => !nats.link.isUp);
      await nats.server.restart();
      await nats.link.untilUp(AbortSignal.timeout(10_000));
      await send();
      await isWhole();
    }
  });
});
