/** What every record store promises: run on the one in memory and on the one in NATS. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { RecordStore, StoredRecord } from '../../src/runtime/record-store.ts';
import { eventually } from '../support/eventually.ts';
import { makeRecord } from '../support/records.ts';

export function recordStoreContract(name: string, open: () => Promise<RecordStore>): void {
  describe(`the record store ${name}`, () => {
    let store: RecordStore;
    beforeAll(async () => {
      store = await open();
    });

    async function append(fields: Parameters<typeof makeRecord>[0]): Promise<number> {
      const outcome = await store.append(makeRecord(fields));
      if (outcome.outcome !== 'effective') throw new Error(`superseded by revision ${outcome.by.revision}`);
      return outcome.revision;
    }

    test('knows nothing of an actor that was never written', async () => {
      expect(await store.read('backup', 'never')).toBeUndefined();
      expect(await store.history('backup', 'never')).toEqual([]);
    });

    test('takes what is no id for an actor that is not there, never for a pattern', async () => {
      await append({ id: 'plain' });
      for (const id of ['*', '>', 'a.b', '', ' ']) {
        expect(await store.read('backup', id)).toBeUndefined();
        expect(await store.history('backup', id)).toEqual([]);
      }
    });

    test('reads back what was appended, with its revision', async () => {
      const record = makeRecord({ id: 'read', note: 'Grüße\n\u0000 "quoted"' });
      const outcome = await store.append(record);
      expect(outcome.outcome).toBe('effective');
      const stored = await store.read('backup', 'read');
      expect(stored?.record).toEqual(record);
      expect(outcome).toEqual({ outcome: 'effective', revision: stored?.revision });
    });

    test('takes a record that follows the newest, and tells a stale writer by which it was overtaken', async () => {
      const first = await append({ id: 'follow' });
      const second = await append({ id: 'follow', after: first, state: 'preparing' });
      expect(second).toBeGreaterThan(first);
      const stale = await store.append(makeRecord({ id: 'follow', after: first, state: 'cancelling' }));
      expect(stale).toMatchObject({ outcome: 'superseded', by: { revision: second, record: { state: 'preparing' } } });
      expect((await store.read('backup', 'follow'))?.record.state).toBe('preparing');
    });

    test('forgets an actor whose newest record is the one that was meant; its history stays, and it can be created anew', async () => {
      const first = await append({ id: 'forgotten' });
      const stale = { record: makeRecord({ id: 'forgotten' }), revision: first };
      const last = await append({ id: 'forgotten', after: first, state: 'completed', final: true });
      expect(await store.forget(stale)).toBe(false);
      const newest = (await store.read('backup', 'forgotten')) as StoredRecord;
      // What left the history too early would be lost.
      await eventually('the history', async () => (await store.history('backup', 'forgotten')).length === 2);
      expect(await store.isForgotten('backup', 'forgotten')).toBe(false);
      expect(await store.forget(newest)).toBe(true);
      expect(await store.isForgotten('backup', 'forgotten')).toBe(true);
      expect(await store.forget(newest)).toBe(false);
      expect(await store.read('backup', 'forgotten')).toBeUndefined();
      const listed: string[] = [];
      for await (const { record } of store.list('backup')) listed.push(record.id);
      expect(listed).not.toContain('forgotten');
      const states = async () => (await store.history('backup', 'forgotten')).map(({ record }) => record.state);
      expect(await eventually('its past', async () => (await states()).length === 2 && (await states()))).toEqual([
        'completed',
        'pending',
      ]);
      expect(await append({ id: 'forgotten' })).toBeGreaterThan(last);
      expect((await store.read('backup', 'forgotten'))?.record.state).toBe('pending');
      expect(await store.isForgotten('backup', 'forgotten')).toBe(false);
    });

    test('refuses to create an actor that is there', async () => {
      const revision = await append({ id: 'create' });
      const outcome = await store.append(makeRecord({ id: 'create' }));
      expect(outcome).toMatchObject({ outcome: 'superseded', by: { revision } });
    });

    test('applies a write once, however often it is sent', async () => {
      const record = makeRecord({ id: 'repeat' });
      const first = await store.append(record);
      const again = await store.append(record);
      expect(again).toEqual(first);
      const next = await append({ id: 'repeat', after: first.outcome === 'effective' ? first.revision : 0 });
      expect(await store.append(record)).toEqual(first);
      expect((await store.read('backup', 'repeat'))?.revision).toBe(next);
      expect(await store.history('backup', 'repeat')).toHaveLength(2);
    });

    test('lets exactly one of many writers of one revision win', async () => {
      const after = await append({ id: 'race' });
      const writers = Array.from({ length: 20 }, (_, n) => makeRecord({ id: 'race', after, state: `s${n}` }));
      const outcomes = await Promise.all(writers.map(record => store.append(record)));
      const winners = writers.filter((_, n) => outcomes[n]?.outcome === 'effective');
      expect(winners).toHaveLength(1);
      expect((await store.read('backup', 'race'))?.record.state).toBe(winners[0]?.state);
    });

    test('rejects a record that is too long, as a permanent failure', async () => {
      const long = makeRecord({ id: 'long', context: { text: 'x'.repeat(40_000) } });
      await expect(store.append(long)).rejects.toMatchObject({
        failure: { kind: 'permanent', code: 'record-too-long' },
      });
      expect(await store.read('backup', 'long')).toBeUndefined();
    });

    test('throws the reason of a signal that is aborted', async () => {
      const reason = new Error('enough');
      const appended = store.append(makeRecord({ id: 'abort' }), { signal: AbortSignal.abort(reason) });
      await expect(appended).rejects.toBe(reason);
    });

    test('lists the newest record of each actor of a kind', async () => {
      const first = await append({ kind: 'drill', id: 'a' });
      const newest = await append({ kind: 'drill', id: 'a', after: first });
      const other = await append({ kind: 'drill', id: 'b' });
      const listed: StoredRecord[] = [];
      for await (const stored of store.list('drill')) listed.push(stored);
      expect(listed.map(each => [each.record.id, each.revision])).toEqual([
        ['a', newest],
        ['b', other],
      ]);
      const since: string[] = [];
      for await (const stored of store.list('drill', newest)) since.push(stored.record.id);
      expect(since).toEqual(['b']);
      for await (const stored of store.list('drill', other)) throw new Error(`listed ${stored.record.id}`);
      const all: string[] = [];
      for await (const stored of store.list()) all.push(stored.record.kind);
      expect(new Set(all)).toEqual(new Set(['backup', 'drill']));
      for (const kind of ['nothing', '*', '>'])
        for await (const stored of store.list(kind)) throw new Error(`listed ${stored.record.id}`);
    });

    test('tells the past newest first, by pages, as far back as it began', async () => {
      const revisions: number[] = [];
      for (let n = 0; n < 150; n += 1)
        revisions.push(await append({ id: 'past', after: revisions.at(-1) ?? 0, state: `s${n}` }));
      revisions.reverse();
      const newest = await store.history('backup', 'past');
      expect(newest.map(each => each.revision)).toEqual(revisions.slice(0, 50));
      expect(newest[0]?.record.state).toBe('s149');
      const page = await eventually('the history holds all', async () => {
        const found = await store.history('backup', 'past', { limit: 100, before: newest.at(-1)?.revision ?? 0 });
        return found.length === 100 && found;
      });
      expect(page.map(each => each.revision)).toEqual(revisions.slice(50));
      expect(page.at(-1)?.record.state).toBe('s0');
      const few = await store.history('backup', 'past', { limit: 3, before: revisions[140] ?? 0 });
      expect(few.map(each => each.revision)).toEqual(revisions.slice(141, 144));
    });

    test('shows a watcher the newest of each actor, then each write in order, until it stops', async () => {
      const before = await append({ kind: 'verify', id: 'watched' });
      const seen: StoredRecord[] = [];
      const stop = await store.watch(stored => {
        if (stored.record.kind === 'verify') seen.push(stored);
      });
      expect(seen.map(each => each.revision)).toEqual([before]);
      const written = [before];
      for (let n = 0; n < 20; n += 1)
        written.push(await append({ kind: 'verify', id: 'watched', after: written.at(-1) ?? 0 }));
      await eventually('all were seen', () => seen.length === written.length);
      expect(seen.map(each => each.revision)).toEqual(written);
      stop();
      await append({ kind: 'verify', id: 'watched', after: written.at(-1) ?? 0 });
      await store.read('verify', 'watched');
      expect(seen).toHaveLength(written.length);
    });
  });
}
