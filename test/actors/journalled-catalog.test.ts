import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { JournalledCatalog } from '../../src/actors/journalled-catalog.ts';
import { AnswerError } from '../../src/core/answer-error.ts';
import type { Catalog, CatalogEntry } from '../../src/domain/catalog.ts';
import { JournalFile } from '../../src/runtime/journal-file.ts';
import { eventually } from '../support/eventually.ts';

const away = () => new AnswerError('unavailable', 'NATS does not answer for the catalog', '');
const entry = (id: string) => ({ id, plan: 'docs' }) as CatalogEntry;
const { signal } = new AbortController();

/** A catalog that a test takes away, and its journal. */
function setUp() {
  const directory = mkdtempSync(join(tmpdir(), 'reeve-catalog-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const entered = new Map<string, CatalogEntry>();
  const watchers = new Set<(isUp: boolean) => void>();
  const troubles: unknown[] = [];
  const world = { isUp: true, fails: undefined as (() => Error) | undefined, hangs: false };
  const answer = async <T>(value: () => T): Promise<T> => {
    if (world.hangs) return await new Promise<never>(() => undefined);
    if (world.fails) throw world.fails();
    return value();
  };
  const catalog: Catalog = {
    settle: wanted => answer(() => wanted),
    get: id => answer(() => entered.get(id)),
    list: () => answer(() => [...entered.values()]),
    add: each => answer(() => void entered.set(each.id, each)),
    deleted: () => answer(() => []),
    forget: id => answer(() => void entered.delete(id)),
    update: id => answer(() => entered.get(id)),
    drilled: () => answer(() => undefined),
    drills: () => answer(() => []),
  };
  const path = join(directory, 'catalog.ndjson');
  const open = () => {
    const link = {
      get isUp() {
        return world.isUp;
      },
      watch: (see: (isUp: boolean) => void) => {
        watchers.add(see);
        return () => void watchers.delete(see);
      },
    };
    const journal = new JournalFile(path);
    const onTrouble = (error: unknown) => void troubles.push(error);
    const opened = new JournalledCatalog({ catalog, journal, link, onTrouble, patienceMs: 20, againEveryMs: 20 });
    onTestFinished(() => opened.close());
    return opened;
  };
  const comeBack = () => {
    Object.assign(world, { isUp: true, fails: undefined, hangs: false });
    for (const see of watchers) see(true);
  };
  return { world, entered, troubles, path, open, comeBack };
}

test('an entry is in the catalog when add resolves, and not in the journal', async () => {
  const { entered, open } = setUp();
  await open().add(entry('one'));
  expect([...entered.keys()]).toEqual(['one']);
});

test.each([
  ['is down', { isUp: false }],
  ['does not answer', { hangs: true }],
  ['refuses as away', { fails: away }],
])(
  'where the link %s an entry is in the journal when add resolves, and in the catalog once NATS is back',
  async (_, how) => {
    const { world, entered, path, open, comeBack } = setUp();
    const catalog = open();
    Object.assign(world, how);
    await catalog.add(entry('one'));
    expect(readFileSync(path, 'utf8')).toContain('"one"');
    expect(entered.size).toBe(0);
    comeBack();
    await eventually('the entry', () => entered.has('one'));
    await eventually('an empty journal', () => readFileSync(path, 'utf8') === '');
  },
);

test('an entry that an earlier incarnation left is entered by the next', async () => {
  const { world, entered, open, comeBack } = setUp();
  const first = open();
  world.isUp = false;
  await first.add(entry('one'));
  await first.close();
  comeBack();
  expect(entered.size).toBe(0);
  await open().recover();
  await eventually('the entry', () => entered.has('one'));
});

test('an error that is not NATS being away is thrown by add, and told where an entry is late', async () => {
  const { world, troubles, entered, open, comeBack } = setUp();
  const catalog = open();
  world.fails = () => new Error('broken');
  await expect(catalog.add(entry('one'))).rejects.toThrow('broken');
  world.isUp = false;
  await catalog.add(entry('two'));
  world.isUp = true;
  await eventually('the trouble', () => troubles.length > 0);
  comeBack();
  await eventually('the entry', () => entered.has('two'));
});

test('a reading waits until NATS is back, and lets go when its signal is aborted', async () => {
  const { world, entered, open, comeBack } = setUp();
  const catalog = open();
  entered.set('one', entry('one'));
  world.fails = away;
  const reading = catalog.list('docs', signal);
  const stopping = new AbortController();
  const stopped = catalog.list('docs', stopping.signal);
  stopping.abort(new Error('let go'));
  await expect(stopped).rejects.toThrow();
  comeBack();
  expect(await reading).toEqual([entry('one')]);
});
