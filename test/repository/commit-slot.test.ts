import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { SlotContent } from '../../src/domain/catalog.ts';
import { listBackups } from '../../src/repository/backup-list.ts';
import { readSlot, settleSlot } from '../../src/repository/commit-slot.ts';
import { ManifestWriter } from '../../src/repository/manifest-writer.ts';
import { manifestPath, openOrCreateRepository, type Repository } from '../../src/repository/repository.ts';
import { discardRun, openRunDirectory } from '../../src/repository/run-files.ts';

const { signal } = new AbortController();
const at = '2026-01-02T03:04:05.678Z';
const voidOf = (run: string, epoch = 1): SlotContent => ({ slot: 'void', run, epoch, at });
const manifestOf = (run: string, manifest: string): SlotContent => ({
  slot: 'manifest',
  run,
  manifest,
  outcome: 'completed',
  at,
});

async function newRepository(): Promise<Repository> {
  const directory = mkdtempSync(join(tmpdir(), 'reeve-slot-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return openOrCreateRepository(join(directory, 'repository'));
}

/** A whole manifest of an empty tree; each is another, by its time. */
async function stageEmpty(repository: Repository, run: string, endedAt = at): Promise<string> {
  await openRunDirectory(repository, run);
  const writer = new ManifestWriter(repository, run);
  await writer.add({ type: 'directory', path: '', mode: 0o755, uid: 0, gid: 0, mtimeUs: 0 });
  const skipped = { vanished: 0, changed: 0, unreadable: 0 };
  return writer.stage({ run, plan: 'p', source: '/s', startedAt: at, endedAt, skipped, skippedList: null }, null);
}

describe('settleSlot', () => {
  test('answers one content to all of many callers at once', async () => {
    const repository = await newRepository();
    for (let round = 0; round < 10; round += 1) {
      const run = `p-${round}`;
      const manifest = await stageEmpty(repository, run);
      const callers = Array.from({ length: 20 }, (_, index) =>
        settleSlot(repository, index % 2 ? voidOf(run, index) : manifestOf(run, manifest), signal),
      );
      const answers = new Set((await Promise.all(callers)).map(answer => JSON.stringify(answer)));
      expect(answers.size).toBe(1);
      expect(await readSlot(repository, run)).toEqual(JSON.parse([...answers][0] ?? ''));
    }
  });

  test('settles the same manifest again without a change', async () => {
    const repository = await newRepository();
    const manifest = await stageEmpty(repository, 'p-1');
    const first = await settleSlot(repository, manifestOf('p-1', manifest), signal);
    const later = { ...manifestOf('p-1', manifest), at: '2027-01-01T00:00:00.000Z' };
    expect(await settleSlot(repository, later, signal)).toEqual(first);
  });

  test('answers the loser with what is there, either way round', async () => {
    const repository = await newRepository();
    const manifest = await stageEmpty(repository, 'p-1');
    await settleSlot(repository, voidOf('p-1'), signal);
    expect(await settleSlot(repository, manifestOf('p-1', manifest), signal)).toEqual(voidOf('p-1'));
    const other = await stageEmpty(repository, 'p-2');
    await settleSlot(repository, manifestOf('p-2', other), signal);
    expect(await settleSlot(repository, voidOf('p-2'), signal)).toEqual(manifestOf('p-2', other));
    expect((await listBackups(repository)).backups.map(backup => backup.id)).toEqual(['p-2']);
  });

  test('refuses a manifest that is missing, damaged, or of another run', async () => {
    const repository = await newRepository();
    const manifest = await stageEmpty(repository, 'p-1');
    await expect(settleSlot(repository, manifestOf('p-2', manifest), signal)).rejects.toMatchObject({
      failure: { code: 'proof-missing' },
    });
    await expect(settleSlot(repository, manifestOf('p-1', 'a'.repeat(64)), signal)).rejects.toMatchObject({
      failure: { code: 'data-corrupt' },
    });
    writeFileSync(manifestPath(repository, manifest), 'x', { flag: 'a' });
    await expect(settleSlot(repository, manifestOf('p-1', manifest), signal)).rejects.toMatchObject({
      failure: { code: 'data-corrupt' },
    });
    expect(await readSlot(repository, 'p-1')).toBeUndefined();
    expect((await listBackups(repository)).backups).toEqual([]);
  });

  test('refuses an id that is a path', async () => {
    const repository = await newRepository();
    await expect(settleSlot(repository, voidOf('../../x'), signal)).rejects.toThrow('is not the id of a run');
  });

  test('names a damaged slot instead of hiding it', async () => {
    const repository = await newRepository();
    writeFileSync(join(repository.path, 'slots', 'p-1'), '{');
    expect(await listBackups(repository)).toEqual({ backups: [], damagedSlots: ['p-1'] });
  });
});

describe('discardRun', () => {
  test('keeps the manifest that was committed, and removes those of earlier attempts', async () => {
    const repository = await newRepository();
    const first = await stageEmpty(repository, 'p-1');
    const second = await stageEmpty(repository, 'p-1', '2026-01-02T04:00:00.000Z');
    await settleSlot(repository, manifestOf('p-1', second), signal);
    expect(await discardRun(repository, 'p-1')).toEqual({ manifestsRemoved: 1 });
    expect(readdirSync(join(repository.path, 'manifests'))).toEqual([second]);
    expect(first).not.toBe(second);
    expect(readdirSync(join(repository.path, 'tmp'))).toEqual([]);
    expect(await discardRun(repository, 'p-1')).toEqual({ manifestsRemoved: 0 });
  });

  test('keeps staged manifests while the slot is open, for a commit may be about to name one', async () => {
    const repository = await newRepository();
    const manifest = await stageEmpty(repository, 'p-1');
    expect(await discardRun(repository, 'p-1')).toEqual({ manifestsRemoved: 0 });
    await settleSlot(repository, voidOf('p-1'), signal);
    expect(await discardRun(repository, 'p-1')).toEqual({ manifestsRemoved: 1 });
    expect(() => statSync(manifestPath(repository, manifest))).toThrow('ENOENT');
  });
});

describe('openOrCreateRepository', () => {
  test('makes one repository for many callers at once', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'reeve-slot-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const path = join(directory, 'repository');
    const opened = await Promise.all(Array.from({ length: 12 }, () => openOrCreateRepository(path)));
    expect(new Set(opened.map(repository => repository.id)).size).toBe(1);
    expect(readdirSync(join(path, 'tmp'))).toEqual([]);
    expect(statSync(path).mode & 0o777).toBe(0o700);
  });

  test('refuses a directory of other things, another format, and a missing parent', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'reeve-slot-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const refusal = async (path: string) =>
      openOrCreateRepository(path).then(
        () => 'opened',
        error => error.failure?.message,
      );
    writeFileSync(join(directory, 'photo.jpg'), 'x');
    expect(await refusal(directory)).toContain('it is not empty and not a repository');
    expect(await refusal(join(directory, 'missing', 'repository'))).toContain('ENOENT');
    mkdirSync(join(directory, 'newer'));
    writeFileSync(join(directory, 'newer', 'repository.json'), '{"format":3,"id":"x"}');
    expect(await refusal(join(directory, 'newer'))).toContain('it has format 3');
  });
});
