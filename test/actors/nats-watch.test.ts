/** What an agent says of NATS: that it is away, that it stands still, and that it is back, each once. */
import { expect, test } from 'vitest';
import { watchNats } from '../../src/actors/nats-watch.ts';
import type { Fact } from '../../src/domain/facts.ts';
import { eventually } from '../support/eventually.ts';

/** A link that a test turns, before a server that answers when it is told to. */
function world() {
  const told: Fact[] = [];
  const server = { answers: false };
  let see: (isUp: boolean) => void = () => undefined;
  const link = {
    isUp: true,
    isClosed: false,
    onChange: (listener: typeof see) => {
      see = listener;
      return () => undefined;
    },
  };
  const turn = (isUp: boolean) => {
    link.isUp = isUp;
    see(isUp);
  };
  const ask = () => (server.answers ? Promise.resolve() : Promise.reject(new Error('no answer')));
  watchNats({ link, ask, observe: fact => told.push(fact), now: Date.now });
  const words = () => told.map(fact => (fact.fact === 'nats.away' ? fact.message.split(';')[0] : fact.fact));
  return { told, server, turn, words };
}

const down = 'the link to NATS is down';
const still = 'NATS takes connections and answers nothing';

test('a link that comes and goes before a server that stands still is one absence, and is told as that', async () => {
  const { told, server, turn, words } = world();
  for (let round = 0; round < 5; round += 1) {
    turn(false);
    turn(true);
    await new Promise(resolve => setImmediate(resolve));
  }
  expect(words()).toEqual([down, still]);
  expect(told[1]).toMatchObject({ message: expect.stringContaining('the room on its disk, and restart it') });
  server.answers = true;
  await eventually('it is back', () => words().length > 2);
  expect(words()).toEqual([down, still, 'nats.back']);
});

test('a server that answers is back at once, and one that goes again is another absence', async () => {
  const { server, turn, words } = world();
  server.answers = true;
  for (let round = 0; round < 2; round += 1) {
    turn(false);
    turn(true);
    await eventually('it is back', () => words().length === 2 * round + 2);
  }
  expect(words()).toEqual([down, 'nats.back', down, 'nats.back']);
});
