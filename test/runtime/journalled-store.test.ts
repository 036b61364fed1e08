import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FailureError } from '../../src/core/failure.ts';
import { JournalFile } from '../../src/runtime/journal-file.ts';
import { JournalledStore, type JournalledStoreOptions } from '../../src/runtime/journalled-store.ts';
import { MemoryRecordStore } from '../../src/runtime/memory/record-store.ts';
import type { AppendOutcome } from '../../src/runtime/record-store.ts';
import { eventually } from '../support/eventually.ts';
import { FaultyStore, TurnedLink } from '../support/faulty-store.ts';
import { makeRecord } from '../support/records.ts';

let directory: string;
let path: string;
let truth: MemoryRecordStore;
const opened: JournalledStore[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'reeve-journal-'));
  path = join(directory, 'journal.ndjson');
  truth = new MemoryRecordStore();
});
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
  await rm(directory, { recursive: true, force: true });
});

/** A journalled store as one incarnation opens it, always on the same file and the same truth. */
function open(options: Partial<JournalledStoreOptions> & { isUp?: boolean } = {}) {
  const faulty = new FaultyStore(truth);
  const link = new TurnedLink(options.isUp ?? true);
  const troubles: string[] = [];
  const overtaken: number[] = [];
  const replayed: { records: number; superseded: number }[] = [];
  const store = new JournalledStore({
    store: faulty,
    journal: new JournalFile(path),
    link,
    patienceMs: 50,
    retryEveryMs: 20,
    onTrouble: ({ message }) => troubles.push(message),
    onOvertaken: by => overtaken.push(by.revision),
    onReplayed: counts => replayed.push(counts),
    ...options,
  });
  opened.push(store);
  return { store, faulty, link, troubles, overtaken, replayed };
}

function revisionOf(outcome: AppendOutcome): number {
  if (outcome.outcome !== 'effective') throw new Error(`superseded by ${JSON.stringify(outcome.by.record.write)}`);
  return outcome.revision;
}

/** Appends a chain of steps of one actor, each after the one before; resolves with the last revision. */
async function walk(store: JournalledStore, after: number, states: string[], id = 'one'): Promise<number> {
  let revision = after;
  for (const state of states) revision = revisionOf(await store.append(makeRecord({ id, state, after: revision })));
  return revision;
}

async function statesOf(id = 'one'): Promise<string[]> {
  const history = await truth.history('backup', id);
  return history.reverse().map(({ record }) => record.state);
}

async function journalled(): Promise<string[]> {
  return ((await new JournalFile(path).read()) as { state: string }[]).map(({ state }) => state);
}

test('while the link is up a step goes to the store, and the journal is not touched', async () => {
  const { store } = open();
  expect(await walk(store, 0, ['a', 'b'])).toBe(2);
  expect(store.waiting).toBe(0);
  await expect(readFile(path)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('while the link is down steps are journalled at once, in order, and are replayed in order when it is back', async () => {
  const { store, link, faulty, replayed } = open();
  const first = await walk(store, 0, ['a']);
  link.turn(false);
  const last = await walk(store, first, ['b', 'c', 'd']);
  await walk(store, 0, ['x', 'y'], 'other');
  expect(last).toBeLessThan(0);
  expect(faulty.tried).toHaveLength(1);
  expect(await journalled()).toEqual(['b', 'c', 'd', 'x', 'y']);
  link.turn(true);
  await eventually('all are replayed', () => replayed.length > 0);
  expect(replayed).toEqual([{ records: 5, superseded: 0 }]);
  expect(await statesOf()).toEqual(['a', 'b', 'c', 'd']);
  expect(await statesOf('other')).toEqual(['x', 'y']);
  await eventually('the journal is empty', async () => (await journalled()).length === 0);
});

test('a step that follows a provisional revision follows the real one once that is replayed', async () => {
  const { store, link } = open();
  link.turn(false);
  const provisional = await walk(store, 0, ['a', 'b']);
  link.turn(true);
  await eventually('all are replayed', () => store.waiting === 0);
  const real = await walk(store, provisional, ['c']);
  expect(real).toBe(3);
  expect(await walk(store, real, ['d'])).toBe(4);
  expect((await truth.history('backup', 'one')).map(({ record }) => record.after)).toEqual([3, 2, 1, 0]);
});

test('the history has the journalled steps before those of the store, in pages, and each once while they are replayed', async () => {
  const { store, link, replayed } = open();
  const first = await walk(store, 0, ['a', 'b']);
  link.turn(false);
  await walk(store, first, ['c', 'd', 'e']);
  const pageOf = async (options?: { limit?: number; before?: number }) =>
    (await store.history('backup', 'one', options)).map(({ record, revision }) => ({ state: record.state, revision }));
  const whole = await pageOf();
  expect(whole.map(({ state }) => state)).toEqual(['e', 'd', 'c', 'b', 'a']);
  const pages = [await pageOf({ limit: 2 })];
  pages.push(await pageOf({ limit: 2, before: pages[0]?.[1]?.revision ?? 0 }));
  pages.push(await pageOf({ limit: 2, before: pages[1]?.[1]?.revision ?? 0 }));
  expect(pages.flat()).toEqual(whole);
  link.turn(true);
  while (replayed.length === 0) {
    const meanwhile = await store.history('backup', 'one');
    expect(meanwhile.map(({ record }) => record.state)).toEqual(['e', 'd', 'c', 'b', 'a']);
    const [follows, revisions] = [meanwhile.map(({ record }) => record.after), meanwhile.map(each => each.revision)];
    expect(follows).toEqual([...revisions.slice(1), 0]);
    await new Promise(resolve => setImmediate(resolve));
  }
  expect((await pageOf()).map(({ revision }) => revision)).toEqual([5, 4, 3, 2, 1]);
});

test('who reads an actor whose steps are journalled reads the newest of them', async () => {
  const { store, link } = open();
  await walk(store, 0, ['a']);
  await walk(store, 0, ['x'], 'stored');
  link.turn(false);
  const last = await walk(store, 1, ['b', 'c']);
  await walk(store, 0, ['n'], 'new');
  expect(await store.read('backup', 'one')).toMatchObject({ revision: last, record: { state: 'c' } });
  const listed: string[] = [];
  for await (const { record } of store.list()) listed.push(`${record.id} ${record.state}`);
  expect(listed.sort()).toEqual(['new n', 'one c', 'stored x']);
});

test('a write that was applied and whose answer was lost is not applied twice, nor taken for a theft', async () => {
  const { store, faulty, overtaken, replayed } = open();
  const first = await walk(store, 0, ['a']);
  faulty.fault = record => (record.state === 'b' ? 'lose-answer' : 'none');
  const appended = walk(store, first, ['b', 'c']);
  await eventually('the patience is over', () => store.waiting > 0);
  faulty.fault = () => 'none';
  await appended;
  await eventually('all are replayed', () => store.waiting === 0);
  expect(await statesOf()).toEqual(['a', 'b', 'c']);
  expect(overtaken).toEqual([]);
  expect(replayed.reduce((sum, { records }) => sum + records, 0)).toBe(2);
});

test('a link that claims to be up while nothing answers costs the patience, not the step', async () => {
  const { store, faulty } = open();
  faulty.fault = () => 'hang';
  const [one, other] = await Promise.all([walk(store, 0, ['a', 'b']), walk(store, 0, ['x'], 'other')]);
  expect(Math.max(one, other)).toBeLessThan(0);
  expect(store.waiting).toBe(3);
  faulty.fault = () => 'none';
  await eventually('all are replayed', () => store.waiting === 0);
  expect(await statesOf()).toEqual(['a', 'b']);
});

test('steps that keep coming do not put the replay off', async () => {
  const { store, faulty } = open({ retryEveryMs: 200 });
  faulty.fault = () => 'hang';
  let last = await walk(store, 0, ['a']);
  faulty.fault = () => 'none';
  const until = performance.now() + 600;
  while (store.waiting > 0 && performance.now() < until) last = await walk(store, last, ['more']);
  expect(store.waiting).toBe(0);
});

test('an error of the store itself is the caller’s, and nothing is journalled', async () => {
  const { store, faulty } = open();
  const wrong = new FailureError({ kind: 'permanent', code: 'record-gone', message: 'gone', hint: '' });
  faulty.fault = () => wrong;
  await expect(store.append(makeRecord())).rejects.toBe(wrong);
  expect(store.waiting).toBe(0);
});

test('a record that is too long is refused, not journalled', async () => {
  const { store } = open({ isUp: false });
  const long = makeRecord({ context: { text: 'é'.repeat(20_000) } });
  await expect(store.append(long)).rejects.toMatchObject({ failure: { code: 'record-too-long' } });
  expect(store.waiting).toBe(0);
});

test('what an earlier incarnation journalled is replayed before another goes on', async () => {
  const before = open();
  const first = await walk(before.store, 0, ['a']);
  before.link.turn(false);
  await walk(before.store, first, ['b', 'c']);
  await before.store.close();
  const next = open();
  await next.store.recover(AbortSignal.timeout(5_000));
  expect(await statesOf()).toEqual(['a', 'b', 'c']);
  expect(next.replayed).toEqual([{ records: 2, superseded: 0 }]);
  expect(await journalled()).toEqual([]);
});

test.each([0, 1, 2, 3, 4])(
  'a crash after %i replayed steps leaves no double and no hole when another incarnation replays the same file',
  async replayedBefore => {
    const before = open();
    const first = await walk(before.store, 0, ['a']);
    before.link.turn(false);
    await walk(before.store, first, ['b', 'c', 'd', 'e']);
    let left = replayedBefore;
    before.faulty.fault = () => (left-- > 0 ? 'none' : 'hang');
    before.link.turn(true);
    await eventually('it is in the middle', () => before.faulty.tried.length === Math.min(4, replayedBefore + 1) + 1);
    // The file as a crash leaves it now: before the replay could rewrite it.
    const next = open();
    await next.store.recover(AbortSignal.timeout(5_000));
    expect(await statesOf()).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(next.overtaken).toEqual([]);
  },
);

test('a replay that was cut off leaves a journal that another incarnation can replay on its own', async () => {
  const before = open();
  before.link.turn(false);
  await walk(before.store, 0, ['a', 'b', 'c']);
  before.faulty.fault = record => (record.state === 'c' ? new Error('no answer') : 'none');
  before.link.turn(true);
  await eventually('the journal is rewritten', async () => (await journalled()).join() === 'c');
  await before.store.close();
  expect(before.troubles).toEqual(['no answer']);
  const next = open();
  await next.store.recover(AbortSignal.timeout(5_000));
  expect(await statesOf()).toEqual(['a', 'b', 'c']);
  expect(next.overtaken).toEqual([]);
});

test('a step that stands in the journal twice is written once', async () => {
  const record = makeRecord({ state: 'a' });
  const journal = new JournalFile(path);
  for (const each of [record, makeRecord({ state: 'b', after: -1 }), record]) await journal.append(each);
  await journal.close();
  const { store } = open();
  await store.recover(AbortSignal.timeout(5_000));
  expect(await statesOf()).toEqual(['a', 'b']);
});

test('another owner meanwhile drops the steps, tells who, and leaves other actors’ steps alone', async () => {
  const { store, link, overtaken, replayed } = open();
  const first = await walk(store, 0, ['a']);
  link.turn(false);
  await walk(store, first, ['b', 'c']);
  await walk(store, 0, ['x'], 'other');
  const owner = { agent: 'there', host: 'there', incarnation: 'theirs', epoch: 2 };
  const theirs = makeRecord({ state: 'lost', after: first, owner, write: { incarnation: 'theirs', n: 1 } });
  const by = revisionOf(await truth.append(theirs));
  link.turn(true);
  await eventually('all are replayed', () => store.waiting === 0 && replayed.length > 0);
  expect(overtaken).toEqual([by]);
  expect(replayed).toEqual([{ records: 1, superseded: 2 }]);
  expect(await statesOf()).toEqual(['a', 'lost']);
  expect(await statesOf('other')).toEqual(['x']);
});

test('a step that the store can never take is told, and holds up nobody else’s', async () => {
  const { store, link, faulty, troubles } = open({ isUp: false });
  await walk(store, 0, ['a']);
  await walk(store, 0, ['x'], 'other');
  const gone = new FailureError({ kind: 'permanent', code: 'record-gone', message: 'it is gone', hint: '' });
  faulty.fault = record => (record.id === 'one' ? gone : 'none');
  link.turn(true);
  await eventually('all are replayed or dropped', () => store.waiting === 0);
  expect(troubles).toEqual(['it is gone']);
  expect(await statesOf('other')).toEqual(['x']);
});

test('recovery ends with its signal while the store does not answer, and what waits stays in the journal', async () => {
  const before = open({ isUp: false });
  await walk(before.store, 0, ['a']);
  await before.store.close();
  const next = open();
  next.faulty.fault = () => 'hang';
  await next.store.recover(AbortSignal.timeout(100));
  expect(next.store.waiting).toBe(1);
  expect(await journalled()).toEqual(['a']);
});

test('a journal that cannot be written while NATS is away is told once; the step waits, and is taken once either is back', async () => {
  await symlink('/dev/full', path);
  const { store, link, troubles } = open({ isUp: false });
  const byStore = walk(store, 0, ['a']);
  await eventually('the trouble is told', () => troubles.length > 0);
  link.turn(true);
  expect(await byStore).toBe(1);
  link.turn(false);
  const byDisk = walk(store, 1, ['b']);
  await rm(path);
  expect(await byDisk).toBeLessThan(0);
  expect(troubles).toHaveLength(1);
  expect(await journalled()).toEqual(['b']);
});

test('a step that neither the store nor the disk takes ends with its signal, and never happened', async () => {
  await symlink('/dev/full', path);
  const { store, link } = open({ isUp: false });
  const stop = new AbortController();
  const appended = store.append(makeRecord({ state: 'a' }), { signal: stop.signal });
  const reason = new Error('the grace is over');
  stop.abort(reason);
  await expect(appended).rejects.toBe(reason);
  expect(store.waiting).toBe(0);
  link.turn(true);
  expect(await walk(store, 0, ['b'])).toBe(1);
  expect(await statesOf()).toEqual(['b']);
});

test('a record without an owner is never journalled: it goes to the store or waits', async () => {
  const { store, link, faulty } = open({ isUp: false });
  faulty.fault = () => 'hang';
  const waiting = new AbortController();
  const appended = store.append(makeRecord({ owner: null, handTo: 'there' }), { signal: waiting.signal });
  await expect(Promise.race([appended, walk(store, 0, ['pending'], 'owned').then(() => 'the other')])).resolves.toBe(
    'the other',
  );
  expect(store.waiting).toBe(1);
  waiting.abort(new Error('enough'));
  await expect(appended).rejects.toThrow('enough');
  faulty.fault = () => 'none';
  link.turn(true);
  await store.untilReplayed('backup', 'owned', AbortSignal.timeout(5_000));
  expect(store.waiting).toBe(0);
  expect((await truth.read('backup', 'owned'))?.record.state).toBe('pending');
  expect(await truth.read('backup', 'one')).toBeUndefined();
});
