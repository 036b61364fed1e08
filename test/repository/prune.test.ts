/** What a prune removes, what it leaves, and for whom. */
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { findBackup, listBackups, whileStored } from '../../src/repository/backup-list.ts';
import { openChunkIndex } from '../../src/repository/chunk-index.ts';
import { ChunkReader } from '../../src/repository/chunk-reader.ts';
import { readSlot, settleSlot } from '../../src/repository/commit-slot.ts';
import { condemnedPacks, packSizes } from '../../src/repository/pack-names.ts';
import { type PruneOptions, prune } from '../../src/repository/prune.ts';
import { openOrCreateRepository, packPath, type Repository, slotPath } from '../../src/repository/repository.ts';
import { checkRepository } from '../../src/repository/repository-check.ts';
import { restoreBackup } from '../../src/repository/restore.ts';
import { verifyBackup } from '../../src/repository/verify.ts';
import { registeredWriters } from '../../src/repository/writers.ts';
import { backUp, chunkHash, chunkOf, readAll, SmallRun } from './small-runs.ts';

const { signal } = new AbortController();
let directory: string;
let repository: Repository;
let prunes: number;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'reeve-prune-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  repository = await openOrCreateRepository(join(directory, 'repository'));
  prunes = 0;
});

function remove(backups: string[] = [], more: Partial<PruneOptions> = {}) {
  prunes += 1;
  return prune({ repository, run: `prune-${prunes}`, backups, signal, ...more });
}

const listed = async () => (await listBackups(repository)).backups.map(({ id }) => id).sort();
const namesIn = (place: string) => readdirSync(join(repository.path, place)).sort();
const damages = async () => (await checkRepository({ repository, data: 'all', signal })).damages.first;
const packs = async () => [...(await packSizes(repository)).keys()];
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

describe('a backup that is removed', () => {
  test('is no longer listed, and its manifest and its packs are gone; the others are as they were', async () => {
    await backUp(repository, 'old', numbers(0, 20));
    await backUp(repository, 'new', numbers(20, 30));
    const { packs: taken, bytes, pending, copied } = await remove(['old']);
    expect({ taken, pending: pending.packs, copied: copied.packs }).toEqual({ taken: 1, pending: 0, copied: 0 });
    expect(bytes).toBeGreaterThan(60_000);
    expect(await readAll(repository)).toEqual(new Map([['new', new Set(numbers(20, 30))]]));
    expect(namesIn('manifests')).toHaveLength(1);
    expect(namesIn('slots')).toEqual(['new', 'old.removed']);
    expect(await packs()).toHaveLength(1);
    expect([...namesIn('tmp'), ...namesIn('condemned')]).toEqual([]);
    expect(await damages()).toEqual([]);
  });

  test('may be removed again, and so may one that is void, under way, or never was', async () => {
    await backUp(repository, 'old', [1]);
    await backUp(repository, 'kept', [2]);
    await (await SmallRun.begin(repository, 'void')).void();
    const under = await SmallRun.begin(repository, 'under-way');
    await under.store([3]);
    for (let time = 0; time < 2; time += 1) await remove(['old', 'void', 'under-way', 'never']);
    await under.commit();
    expect(await readAll(repository)).toEqual(
      new Map([
        ['kept', new Set([2])],
        ['under-way', new Set([3])],
      ]),
    );
    expect(await readSlot(repository, 'void')).toMatchObject({ slot: 'void', epoch: 1 });
  });

  test('does not come back by a commit that was held up, nor is it damage that its slot is there once more', async () => {
    await backUp(repository, 'old', [1]);
    linkSync(slotPath(repository, 'old'), join(directory, 'held-up'));
    await remove(['old']);
    linkSync(join(directory, 'held-up'), slotPath(repository, 'old'));
    expect(await listed()).toEqual([]);
    expect(await readSlot(repository, 'old')).toMatchObject({ slot: 'void' });
    expect(await damages()).toEqual([]);
    const manifest = 'ab'.repeat(32);
    const wanted = { slot: 'manifest', run: 'old', manifest, outcome: 'completed', at: 'now' } as const;
    expect(await settleSlot(repository, wanted, signal)).toMatchObject({ slot: 'void' });
    await remove();
    expect(namesIn('slots')).toEqual(['old.removed']);
  });

  test('is forgotten after a month', async () => {
    await backUp(repository, 'old', [1]);
    await remove(['old']);
    const daysAgo = (days: number) => new Date(Date.now() - days * 24 * 60 * 60 * 1000);
    const path = `${slotPath(repository, 'old')}.removed`;
    utimesSync(path, daysAgo(29), daysAgo(29));
    await remove();
    expect(namesIn('slots')).toEqual(['old.removed']);
    utimesSync(path, daysAgo(31), daysAgo(31));
    await remove();
    expect(namesIn('slots')).toEqual([]);
  });

  test('is removed also where its slot is damaged, with its own manifest and no other', async () => {
    await backUp(repository, 'old', [1]);
    await backUp(repository, 'kept', [2]);
    writeFileSync(slotPath(repository, 'old'), readFileSync(slotPath(repository, 'kept')));
    await remove(['old']);
    expect(await readAll(repository)).toEqual(new Map([['kept', new Set([2])]]));
    expect(namesIn('manifests')).toHaveLength(1);
    expect(await damages()).toEqual([]);
  });

  test('while it is restored or verified ends that, and says why', async () => {
    const why = {
      failure: { code: 'backup-missing', message: expect.stringMatching(/old was removed .* while it was read/) },
    };
    const readings: Record<string, (manifest: string) => Promise<unknown>> = {
      restored: manifest => restoreBackup({ repository, manifest, to: join(directory, 'out'), include: [], signal }),
      verified: manifest => verifyBackup({ repository, manifest, signal }),
    };
    for (const reading of Object.values(readings)) {
      await backUp(repository, 'old', numbers(0, 20));
      const { manifest } = await findBackup(repository, 'old');
      const removed = async () => {
        await remove(['old']);
        return reading(manifest);
      };
      await expect(whileStored(repository, 'old', removed)).rejects.toMatchObject(why);
      rmSync(`${slotPath(repository, 'old')}.removed`);
    }
    await backUp(repository, 'old', [1]);
    const harmed = async () => remove(['old']);
    await expect(whileStored(repository, 'old', harmed, () => true)).rejects.toMatchObject(why);
  });
});

describe('a pack', () => {
  test('of which less than half is needed is copied, and no chunk twice', async () => {
    await backUp(repository, 'old', numbers(0, 100));
    await backUp(repository, 'new', numbers(0, 10));
    const before = await packs();
    const { packs: taken, copied } = await remove(['old']);
    expect({ taken, copied }).toEqual({ taken: 1, copied: { packs: 1, bytes: expect.any(Number), isCutShort: false } });
    expect(copied.bytes).toBeGreaterThan(30_000);
    expect(copied.bytes).toBeLessThan(40_000);
    expect(await packs()).toHaveLength(1);
    expect(await packs()).not.toEqual(before);
    expect(await readAll(repository)).toEqual(new Map([['new', new Set(numbers(0, 10))]]));
    expect(await damages()).toEqual([]);
    expect(await remove()).toMatchObject({ packs: 0, copied: { packs: 0 } });
  });

  test('of which half is needed stays as it is', async () => {
    await backUp(repository, 'old', numbers(0, 20));
    await backUp(repository, 'new', numbers(0, 12));
    const before = await packs();
    expect(await remove(['old'])).toMatchObject({ packs: 0, copied: { packs: 0 } });
    expect(await packs()).toEqual(before);
  });

  test('of tiny chunks that are all needed is not copied again and again', async () => {
    const run = await SmallRun.begin(repository, 'tiny');
    await run.store([1]);
    await run.commit();
    for (let time = 0; time < 2; time += 1) expect(await remove()).toMatchObject({ packs: 0, copied: { packs: 0 } });
  });

  test('that is damaged where it is needed stays, and its sound chunks with it', async () => {
    await backUp(repository, 'old', numbers(0, 100));
    await backUp(repository, 'new', numbers(10, 20));
    const [id = ''] = await packs();
    const bytes = readFileSync(packPath(repository, id));
    bytes[50_000] = (bytes[50_000] as number) ^ 1;
    writeFileSync(packPath(repository, id), bytes);
    expect(await remove(['old'])).toMatchObject({ packs: 0, copied: { packs: 0 } });
    expect(await packs()).toContain(id);
  });

  test('whose table is damaged stays as long as a chunk is missing, and goes once none is', async () => {
    await backUp(repository, 'one', [1]);
    const [id = ''] = await packs();
    const bytes = readFileSync(packPath(repository, id));
    rmSync(join(repository.path, 'index'), { recursive: true });
    mkdirSync(join(repository.path, 'index'));
    bytes[bytes.length - 20] = (bytes[bytes.length - 20] as number) ^ 1;
    writeFileSync(packPath(repository, id), bytes);
    await remove();
    expect(await packs()).toEqual([id]);
    await backUp(repository, 'two', [1]);
    expect(await remove()).toMatchObject({ packs: 1 });
    expect(await packs()).not.toContain(id);
    expect(await readAll(repository)).toEqual(
      new Map([
        ['one', new Set([1])],
        ['two', new Set([1])],
      ]),
    );
  });
});

describe('beside a run that is registered', () => {
  test('what it counts on is condemned, can be read, and comes back once the run is a backup', async () => {
    await backUp(repository, 'old', [1, 2, 3]);
    const run = await SmallRun.begin(repository, 'run');
    expect(await run.store([1, 2])).toBe(0);
    const first = await remove(['old']);
    expect(first).toMatchObject({ packs: 0, pending: { packs: 1, writers: { count: 1, first: ['run'] } } });
    expect(await packs()).toEqual([]);
    await run.commit();
    expect(await readAll(repository)).toEqual(new Map([['run', new Set([1, 2])]]));
    expect(await damages()).toEqual([]);
    expect(await remove()).toMatchObject({ packs: 0, pending: { packs: 0 } });
    expect(await packs()).toHaveLength(1);
    expect(await condemnedPacks(repository)).toEqual([]);
    expect(await readAll(repository)).toEqual(new Map([['run', new Set([1, 2])]]));
    expect(await damages()).toEqual([]);
  });

  test('what is condemned goes once the run is void, and a run that came later is not waited for', async () => {
    rmSync(join(repository.path, 'condemned'), { recursive: true }); // as it is where no prune ever was
    await backUp(repository, 'old', [1, 2, 3]);
    const run = await SmallRun.begin(repository, 'run');
    await remove(['old']);
    expect(namesIn('condemned')).toHaveLength(1);
    const later = await SmallRun.begin(repository, 'later');
    expect(await later.store([1])).toBe(1);
    expect(await remove()).toMatchObject({ packs: 0, pending: { packs: 1, writers: { first: ['run'] } } });
    await run.void();
    expect(await remove()).toMatchObject({ packs: 1, pending: { packs: 0 } });
    await later.commit();
    expect(await readAll(repository)).toEqual(new Map([['later', new Set([1])]]));
    expect(await registeredWriters(repository)).toEqual([]);
  });

  test('what is taken away stands in the index elsewhere before that, though a run stored it that is void', async () => {
    await backUp(repository, 'old', [1, 2]);
    await backUp(repository, 'older', [3, 4]);
    const run = await SmallRun.begin(repository, 'run');
    expect(await run.store([1, 3])).toBe(0);
    await remove(['old', 'older']);
    await run.commit(); // counts on both packs, which are condemned by now
    const later = await SmallRun.begin(repository, 'later');
    expect(await later.store([1, 3])).toBe(2);
    await later.void();
    const stopping = new AbortController();
    const onProgress = ({ files }: { files: number }) => files === 1 && stopping.abort(new Error('stopped'));
    await expect(remove([], { signal: stopping.signal, onProgress })).rejects.toThrow('stopped');
    expect(await readAll(repository)).toEqual(new Map([['run', new Set([1, 3])]]));
    expect(await damages()).toEqual([]);
    expect(await remove()).toMatchObject({ packs: 1, pending: { packs: 0 } });
    expect(await damages()).toEqual([]);
    expect(namesIn('tmp')).toEqual([]);
  });

  test('is waited for also where the record of that was torn, and no record stays behind', async () => {
    await backUp(repository, 'old', [1, 2, 3]);
    const run = await SmallRun.begin(repository, 'run');
    await run.store([1]);
    await remove(['old']);
    const [record = ''] = namesIn('condemned');
    truncateSync(join(repository.path, 'condemned', record), 20);
    expect(await remove()).toMatchObject({ packs: 0, pending: { packs: 1, writers: { first: ['run'] } } });
    expect(namesIn('condemned')).toHaveLength(1);
    expect(namesIn('condemned')).not.toEqual([record]);
    await run.commit();
    await remove();
    expect(namesIn('condemned')).toEqual([]);
    expect(await readAll(repository)).toEqual(new Map([['run', new Set([1])]]));
  });

  test('what it has stored itself is left alone, and goes once it is void', async () => {
    const run = await SmallRun.begin(repository, 'run');
    await run.store([1, 2]);
    expect(await remove()).toMatchObject({ packs: 0, pending: { packs: 0 } });
    expect(await packs()).toHaveLength(1);
    await run.void();
    expect(await remove()).toMatchObject({ packs: 1 });
    expect(await packs()).toEqual([]);
  });

  test('a manifest that it has staged counts, though it is no backup yet', async () => {
    const run = await SmallRun.begin(repository, 'run');
    await run.store([1]);
    await run.stage();
    rmSync(join(repository.path, 'tmp', 'run', 'packs'));
    expect(await remove()).toMatchObject({ packs: 0, pending: { packs: 0 } });
  });
});

describe('a reader', () => {
  test('that began before its chunks were copied, and the packs taken away, reads on', async () => {
    await backUp(repository, 'old', numbers(0, 100));
    await backUp(repository, 'new', numbers(0, 10));
    const reader = new ChunkReader(repository, await openChunkIndex(repository));
    onTestFinished(() => reader.close());
    for (let round = 0; round < 2; round += 1) {
      await remove([round === 0 ? 'old' : 'new']);
      const kept = round === 0 ? numbers(0, 10) : numbers(0, 2);
      if (round === 0) await backUp(repository, 'newest', numbers(0, 2));
      for (const number of kept) expect(reader.read(chunkHash(number))).toEqual({ bytes: chunkOf(number) });
    }
    expect(reader.read(chunkHash(50))).toMatchObject({ damage: 'missing' });
  });

  test('restores one backup while others are removed beside it, time and again', async () => {
    await backUp(repository, 'kept', numbers(0, 40));
    const [{ manifest } = { manifest: '' }] = (await listBackups(repository)).backups;
    for (let round = 0; round < 6; round += 1) {
      const id = `old-${round}`;
      await backUp(repository, id, numbers(30 + round, 60 + round));
      const to = join(directory, id);
      const restored = restoreBackup({ repository, manifest, to, include: [], signal });
      const checked = checkRepository({ repository, data: 'all', signal });
      await remove([id]);
      expect(await restored).toMatchObject({ files: 40 });
      expect((await checked).damages.first).toEqual([]);
    }
  });
});

describe('a prune refuses', () => {
  test('where the manifest of a backup is damaged, and goes on once that backup is removed', async () => {
    await backUp(repository, 'old', [1]);
    await backUp(repository, 'harmed', [2]);
    await backUp(repository, 'kept', [3]);
    const harmed = (await listBackups(repository)).backups.find(({ id }) => id === 'harmed');
    const path = join(repository.path, 'manifests', harmed?.manifest ?? '');
    writeFileSync(path, readFileSync(path).subarray(0, -3));
    await expect(remove(['old'])).rejects.toMatchObject({
      failure: { code: 'data-corrupt', message: expect.stringContaining('harmed') },
    });
    expect(await packs()).toHaveLength(3);
    rmSync(path);
    await expect(remove()).rejects.toMatchObject({ failure: { code: 'data-corrupt' } });
    await remove(['harmed']);
    expect(await readAll(repository)).toEqual(new Map([['kept', new Set([3])]]));
    expect(await packs()).toHaveLength(1);
  });

  test('to take what a backup needs whose slot is damaged', async () => {
    await backUp(repository, 'harmed', [1]);
    const slot = readFileSync(slotPath(repository, 'harmed'));
    writeFileSync(slotPath(repository, 'harmed'), slot.subarray(1));
    await remove();
    writeFileSync(slotPath(repository, 'harmed'), slot);
    expect(await readAll(repository)).toEqual(new Map([['harmed', new Set([1])]]));
  });
});
