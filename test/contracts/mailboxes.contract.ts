/** What mailboxes and refusals promise: run on those in memory and on those in NATS. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Mail, Mailboxes, Refusal, Refusals } from '../../src/runtime/mailboxes.ts';
import type { MailPosition } from '../../src/runtime/record.ts';
import { eventually } from '../support/eventually.ts';

const nowhere: MailPosition = { seq: 0, at: '' };
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (mail: Mail) => new TextDecoder().decode(mail.payload);

export function mailboxesContract(name: string, open: () => Promise<{ boxes: Mailboxes; refusals: Refusals }>): void {
  describe(`the mailboxes ${name}`, () => {
    let boxes: Mailboxes;
    let refusals: Refusals;
    beforeAll(async () => {
      ({ boxes, refusals } = await open());
    });

    test('keep what was sent, oldest first, beyond a place', async () => {
      for (const each of ['a', 'b', 'c']) await boxes.send('backup', 'kept', bytes(each));
      await boxes.send('backup', 'other', bytes('not for kept'), { replyTo: 'answers.here' });
      const all = await boxes.unread('backup', 'kept', nowhere);
      expect(all.map(text)).toEqual(['a', 'b', 'c']);
      expect(all[0]).toMatchObject({ kind: 'backup', id: 'kept', replyTo: undefined });
      const [first, , last] = all;
      expect((await boxes.unread('backup', 'kept', first ?? nowhere)).map(text)).toEqual(['b', 'c']);
      expect(await boxes.unread('backup', 'kept', last ?? nowhere)).toEqual([]);
      expect((await boxes.unread('backup', 'other', nowhere))[0]?.replyTo).toBe('answers.here');
      expect(await boxes.unread('backup', 'empty', nowhere)).toEqual([]);
    });

    test('count a place as both sequence and time: what is later in time is unread', async () => {
      await boxes.send('backup', 'life', bytes('of a new life'));
      const elder: MailPosition = { seq: 1_000_000, at: '2001-01-01T00:00:00.000Z' };
      expect((await boxes.unread('backup', 'life', elder)).map(text)).toEqual(['of a new life']);
    });

    test('refuse a message for a full box, and drop none of what is unread', async () => {
      const sent = Array.from({ length: 1_000 }, (_, n) => boxes.send('backup', 'full', bytes(String(n))));
      await Promise.all(sent);
      const refused = boxes.send('backup', 'full', bytes('one too many'));
      await expect(refused).rejects.toMatchObject({ code: 'refused', hint: expect.stringContaining('again') });
      const kept = await boxes.unread('backup', 'full', nowhere);
      expect(kept.map(text).slice(0, 3)).toEqual(['0', '1', '2']);
      expect(kept).toHaveLength(1_000);
      await boxes.purge('backup', 'full', kept[499] ?? nowhere);
      await boxes.send('backup', 'full', bytes('fits again'));
      expect((await boxes.unread('backup', 'full', nowhere)).length).toBeLessThanOrEqual(502);
    });

    test('deliver to a follower all that is kept, then what comes, until it stops', async () => {
      await boxes.send('stream', 'followed', bytes('before'));
      const seen: string[] = [];
      const stop = await boxes.follow(mail => {
        if (mail.kind === 'stream') seen.push(text(mail));
      });
      expect(seen).toEqual(['before']);
      for (let n = 0; n < 10; n += 1) await boxes.send('stream', 'followed', bytes(String(n)));
      await eventually('all were delivered', () => seen.length === 11);
      expect(seen).toEqual(['before', ...'0123456789']);
      stop();
      await boxes.send('stream', 'followed', bytes('after'));
      await boxes.unread('stream', 'followed', nowhere);
      expect(seen).toHaveLength(11);
    });

    test('purge what was read and nothing else; the newest stays', async () => {
      for (const each of ['a', 'b', 'c']) await boxes.send('backup', 'purged', bytes(each));
      const [, second, third] = await boxes.unread('backup', 'purged', nowhere);
      await boxes.purge('backup', 'purged', { seq: 1_000_000, at: '2001-01-01T00:00:00.000Z' });
      await boxes.purge('backup', 'purged', nowhere);
      expect(await boxes.unread('backup', 'purged', nowhere)).toHaveLength(3);
      await boxes.purge('backup', 'purged', second ?? nowhere);
      expect((await boxes.unread('backup', 'purged', second ?? nowhere)).map(text)).toEqual(['c']);
      await boxes.purge('backup', 'purged', third ?? nowhere);
      expect((await boxes.unread('backup', 'purged', nowhere)).map(text)).toEqual(['c']);
    });

    test('find a refusal by its token; the first recorded under it stays', async () => {
      const refusal: Refusal = {
        kind: 'backup',
        id: 'refused',
        outcome: 'refused',
        token: '7-2026-01-01T00:00:00.000Z',
        code: 'refused',
        message: 'it is over',
        hint: '',
        at: '2026-01-01T00:00:00.000Z',
        mail: { seq: 7, at: '2026-01-01T00:00:00.000Z' },
        requestId: null,
        payload: '{"type":"backup.cancel"}',
      };
      expect(await refusals.find('backup', 'refused', refusal.token)).toBeUndefined();
      await refusals.record(refusal);
      await refusals.record({ ...refusal, message: 'again' });
      expect(await refusals.find('backup', 'refused', refusal.token)).toEqual(refusal);
      expect(await refusals.find('backup', 'refused', 'another')).toBeUndefined();
    });
  });
}
