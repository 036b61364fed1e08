/** Readings of a real stream, on every binary that the tests are told of. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Link, openLink } from '../../src/nats/connection.ts';
import { createStream } from '../../src/nats/jetstream.ts';
import { readStream } from '../../src/nats/stream-read.ts';
import { Dice } from '../support/dice.ts';
import { natsServerBinaries, startNatsServer, type TestServer } from '../support/nats-server.ts';
import { repetitions } from '../support/repetitions.ts';

describe.each(await natsServerBinaries())('with %s', binary => {
  let server: TestServer;
  let link: Link;
  const kept: number[] = [];
  beforeAll(async () => {
    server = await startNatsServer({ binary });
    link = await openLink({ servers: [server.url], name: 'test' });
    await makeStream('READ');
    // Subjects that begin before others and end behind them, and strangers between.
    const turns = Array.from({ length: 60 }, (_, n) => `read.ours.${n < 4 || n > 56 ? 'long' : Math.floor(n / 5)}`);
    for (const [n, subject] of turns.entries()) {
      const { seq } = (await link.connection.request(subject, 'x')).json<{ seq: number }>();
      kept.push(seq);
      if (n % 3 === 0) await link.connection.request('read.strange', 'x');
    }
  });
  afterAll(async () => {
    await link?.close();
    await server?.stop();
  });

  /** Of the subjects below its name in small letters. */
  const makeStream = (name: string, more: object = {}) =>
    createStream(link, { name, subjects: [`${name.toLowerCase()}.>`], storage: 'file', ...more } as never);

  async function read(from: Parameters<typeof readStream>[2]['from'], filter = 'read.ours.>'): Promise<number[]> {
    const seen: number[] = [];
    await readStream(link, 'READ', { filter, from }, ({ seq }) => {
      seen.push(seq);
      return true;
    });
    return seen;
  }

  test('from whichever message it begins, a reading has all that follow, and ends', async () => {
    expect(await read('all')).toEqual(kept);
    for (let seq = 1; seq <= (kept.at(-1) ?? 0) + 1; seq += 1)
      expect(await read({ seq }), `from ${seq}`).toEqual(kept.filter(each => each >= seq));
  });

  test('under a filter that nothing passes a reading ends', async () => {
    expect(await read('all', 'read.nobody.>')).toEqual([]);
    expect(await read({ atMs: Date.now() + 60_000 })).toEqual([]);
    expect(await read({ seq: 1 }, 'read.nobody.>')).toEqual([]);
  });

  test('of subjects whose messages are replaced under it a reading has each, and ends', async () => {
    await makeStream('LAST', { max_msgs_per_subject: 1 });
    const put = (n: number) => link.connection.request(`last.${n}`, 'x');
    const names = Array.from({ length: 30 }, (_, n) => n);
    await Promise.all(names.map(put));
    const dice = new Dice(7);
    for (let round = 0; round < repetitions(1_000, 20); round += 1) {
      const subjects = new Set<string>();
      const reading = readStream(link, 'LAST', { filter: 'last.>', from: 'last-per-subject' }, ({ subject }) => {
        subjects.add(subject);
        return true;
      });
      const writes: Promise<unknown>[] = [];
      for (let n = 0; n < 12; n += 1) {
        writes.push(put(dice.below(30)));
        if (n % 3 === 0) await new Promise(resolve => setImmediate(resolve));
      }
      await Promise.all([reading, ...writes]);
      expect(subjects.size, `round ${round}`).toBe(30);
    }
  });

  test('a reading that began before the first message ends, though messages come without a pause', async () => {
    await makeStream('NEW', { max_msgs_per_subject: 1 });
    let isOver = false;
    const write = async (subject: string) => {
      while (!isOver) await link.connection.request(subject, 'x');
    };
    for (let round = 0; round < repetitions(200, 20); round += 1) {
      isOver = false;
      const filter = `new.${round}.>`;
      // They begin between its first question and its consumer, or about then.
      const pause = async () => {
        for (let n = 0; n < round % 10; n += 1) await new Promise(resolve => setImmediate(resolve));
      };
      const writing = pause().then(() => Promise.all([0, 1, 2].map(n => write(`new.${round}.${n}`))));
      const late = new Promise((_, reject) =>
        setTimeout(reject, 3_000, new Error(`round ${round} did not end`)).unref(),
      );
      const reading = readStream(link, 'NEW', { filter, from: 'last-per-subject' }, () => true);
      await Promise.race([reading, late]).finally(() => {
        isOver = true;
      });
      await writing;
    }
  });

  test('a reading whose last message goes meanwhile ends all the same', async () => {
    const publish = async () => (await link.connection.request('read.gone', 'x')).json<{ seq: number }>().seq;
    const [stays, goes] = [await publish(), await publish()];
    const reading = read({ seq: stays }, 'read.gone');
    await link.connection.request('$JS.API.STREAM.MSG.DELETE.READ', JSON.stringify({ seq: goes }));
    expect(await reading).toEqual([stays]);
    expect(await read('all', 'read.gone')).toEqual([stays]);
  });
});
