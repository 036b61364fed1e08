import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { listBackups } from '../../src/repository/backup-list.ts';
import { readSlot } from '../../src/repository/commit-slot.ts';
import { openOrCreateRepository, openRepository, type Repository } from '../../src/repository/repository.ts';
import { sealJson } from '../../src/repository/sealed-json.ts';
import { Dice } from '../support/dice.ts';
import { repetitions } from '../support/repetitions.ts';
import { nastyValues } from './nasty-values.ts';

/** Slots that lie in one repository at once. */
const slotsAtOnce = 50;
const hash = /^[0-9a-f]{64}$/;

async function newRepository(): Promise<Repository> {
  const directory = mkdtempSync(join(tmpdir(), 'reeve-slots-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return openOrCreateRepository(join(directory, 'repository'));
}

/** What a slot holds: a valid content of chance, mostly with something wrong in it. */
function slotContent(run: string, dice: Dice): object {
  const at = '2026-01-02T03:04:05.678Z';
  const manifest = 'a'.repeat(64);
  const content: Record<string, unknown> = dice.chance(0.7)
    ? { slot: 'manifest', run, manifest, outcome: dice.pick(['completed', 'partial']), at }
    : { slot: 'void', run, epoch: dice.below(9), at };
  if (dice.chance(0.2)) return content;
  const field = dice.pick(Object.keys(content));
  const odd: unknown[] = [...nastyValues, [content[field]], 'manifest', 'void', '../../x', `${manifest}/../x`, 'other'];
  if (dice.chance(0.05)) return Object(dice.pick(odd.filter(value => value !== null)));
  return { ...content, [field]: dice.chance(0.2) ? undefined : dice.pick(odd) };
}

/** Mostly sealed as it should be, so that a reader gets as far as the content. */
function slotText(run: string, dice: Dice): string | Buffer {
  const content = slotContent(run, dice);
  const text = sealJson(content);
  switch (dice.below(16)) {
    case 0:
      return `${JSON.stringify(content)}\n`;
    case 1:
      return text.slice(0, dice.below(text.length));
    case 2:
      return JSON.stringify(dice.pick(nastyValues));
    case 3:
      return text.replace('{', `{"run":${JSON.stringify(dice.pick(nastyValues))},`);
    case 4:
      return text.replace('{', `{"__proto__":{"slot":"manifest"},`);
    case 5:
      return `{"slot":${'['.repeat(30_000)}${']'.repeat(30_000)}}`;
    case 6: {
      const bytes = Buffer.from(text);
      for (let count = dice.below(9); count >= 0; count -= 1) bytes[dice.below(bytes.length)] = dice.below(256);
      return bytes;
    }
    default:
      return text;
  }
}

describe('slots of chance', () => {
  test('are read as what they must be, or told as damaged', async () => {
    const repository = await newRepository();
    const seen = { manifest: 0, void: 0, damaged: 0 };
    for (let round = 0; round < repetitions(2_000, 100); round += 1) {
      const dice = new Dice(round);
      const damaged: string[] = [];
      const held: string[] = [];
      for (let index = 0; index < slotsAtOnce; index += 1) {
        const run = `r-${index}`;
        const text = slotText(run, dice);
        writeFileSync(join(repository.path, 'slots', run), text);
        const slot = await readSlot(repository, run).catch(error => {
          if (error.failure?.code !== 'data-corrupt') throw new Error(`round ${round}: ${text}`, { cause: error });
          damaged.push(run);
        });
        if (!slot) continue;
        expect(slot).toMatchObject({ run, at: expect.any(String) });
        if (slot.slot === 'manifest') held.push(run);
        if (slot.slot === 'manifest') expect(slot).toMatchObject({ manifest: expect.stringMatching(hash) });
        else expect(slot).toEqual({ slot: 'void', run, epoch: expect.any(Number), at: slot.at });
        seen[slot.slot] += 1;
      }
      seen.damaged += damaged.length;
      const list = await listBackups(repository);
      expect(list.damagedSlots.sort()).toEqual(damaged.sort());
      expect(list.backups.map(({ id }) => id).sort()).toEqual(held.sort());
    }
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(20);
  });
});

describe('a slot that is no plain file', () => {
  test('is told as damaged, and hides no other', async () => {
    const repository = await newRepository();
    const slot = (run: string) => join(repository.path, 'slots', run);
    const good = { slot: 'manifest', run: 'good', manifest: 'b'.repeat(64), outcome: 'completed', at: '2026' };
    writeFileSync(slot('good'), sealJson(good));
    mkdirSync(slot('directory'));
    symlinkSync('/etc/passwd', slot('symlink'));
    symlinkSync('circle', slot('circle'));
    execFileSync('mkfifo', [slot('pipe')]);
    writeFileSync(slot('empty'), '');
    writeFileSync(slot('huge'), '{');
    truncateSync(slot('huge'), 2 ** 40);
    const { backups, damagedSlots } = await listBackups(repository);
    expect(backups.map(({ id }) => id)).toEqual(['good']);
    expect(damagedSlots.sort()).toEqual(['circle', 'directory', 'empty', 'huge', 'pipe', 'symlink']);
  });

  test.each(['', '.', '..', '../x', 'a/b', 'a b', 'a\0', 'x'.repeat(65), 'é'])('the name %j is none', async run => {
    const repository = await newRepository();
    await expect(readSlot(repository, run)).rejects.toThrow('is not the id of a run');
  });

  test('is not listed under a name that is no id', async () => {
    const repository = await newRepository();
    for (const name of ['a b', '.hidden', 'x.tmp', 'é']) writeFileSync(join(repository.path, 'slots', name), '{');
    expect(await listBackups(repository)).toEqual({ backups: [], damagedSlots: [] });
  });
});

test('a repository.json of a terabyte is damaged, and not read to its end', async () => {
  const { path } = await newRepository();
  truncateSync(join(path, 'repository.json'), 2 ** 40);
  await expect(openRepository(path)).rejects.toThrow(/its repository.json is damaged/);
});
