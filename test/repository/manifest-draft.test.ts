import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Entry, parseLine } from '../../src/repository/manifest.ts';
import { keepDraft, keptBlocks } from '../../src/repository/manifest-draft.ts';
import { ManifestWriter } from '../../src/repository/manifest-writer.ts';
import { PlainFileLine } from '../../src/repository/plain-file-line.ts';
import { openOrCreateRepository, runDirectory } from '../../src/repository/repository.ts';
import { scratch } from '../engines/files/engine-process.ts';
import { Dice } from '../support/dice.ts';
import { repetitions } from '../support/repetitions.ts';

const attributes = { mode: 0o644, uid: 1, gid: 1, mtimeUs: 1 };
const size = 5 * 1024 * 1024;

function fileAt(place: number): Entry {
  const path = `file-${`${place}`.padStart(6, '0')}`;
  const content: [number, string][] = [[size, createHash('sha256').update(path).digest('hex')]];
  return { type: 'file', path, size, seen: `${place}:7`, content, ...attributes };
}

/** A run's directory with the draft of so many files in it, and its name. */
async function draftOf(count: number): Promise<{ directory: string; draft: string; lines: Entry[] }> {
  const repository = await openOrCreateRepository(join(scratch(onTestFinished), 'repository'));
  const directory = runDirectory(repository, 'p-1');
  mkdirSync(directory);
  const manifest = new ManifestWriter(repository, 'p-1');
  const lines = Array.from({ length: count }, (_, place) => fileAt(place));
  for (const line of lines) await manifest.add(line);
  await manifest.keep();
  await manifest.abandon();
  const body = readdirSync(directory).find(name => name.endsWith('.body')) ?? '';
  return { directory, draft: join(directory, body.slice(0, -5)), lines };
}

async function linesIn(directory: string): Promise<{ bytes: number; lines: unknown[] }> {
  const { bytes, names } = await keepDraft(directory);
  expect(names).toEqual(bytes === 0 ? [] : ['checkpoint.body', 'checkpoint.marks']);
  const lines: unknown[] = [];
  if (bytes > 0)
    for await (const block of keptBlocks(directory, bytes))
      for (const line of block) lines.push(line instanceof PlainFileLine ? parseLine(line.text) : line);
  return { bytes, lines };
}

test('all lines of a draft that was kept are found, now and by the attempt after', async () => {
  const { directory, lines } = await draftOf(2_000);
  expect((await linesIn(directory)).lines).toEqual(lines);
  expect((await linesIn(directory)).lines).toEqual(lines);
});

test('of two drafts the one that came further is found', async () => {
  const [short, long] = [await draftOf(20), await draftOf(40)];
  for (const end of ['body', 'marks'])
    copyFileSync(`${short.draft}.${end}`, join(long.directory, `manifest-0123.${end}`));
  expect((await linesIn(long.directory)).lines).toEqual(long.lines);
});

test('what a killed writer left is found up to 8 MiB of content, and a file', async () => {
  const repository = await openOrCreateRepository(join(scratch(onTestFinished), 'repository'));
  const directory = runDirectory(repository, 'p-1');
  mkdirSync(directory);
  const manifest = new ManifestWriter(repository, 'p-1');
  onTestFinished(() => manifest.abandon());
  const lines = Array.from({ length: 50 }, (_, place) => fileAt(place));
  for (const line of lines) await manifest.add(line);
  await expect.poll(() => readFileSync(marksIn(directory), 'latin1').split('\n').length).toBeGreaterThan(10);
  const found = (await linesIn(directory)).lines;
  expect(found).toEqual(lines.slice(0, found.length));
  expect((lines.length - found.length) * size).toBeLessThan(8 * 1024 * 1024 + 2 * size);
});

function marksIn(directory: string): string {
  return join(directory, readdirSync(directory).find(name => name.endsWith('.marks')) ?? 'none');
}

describe('a draft that was harmed gives lines that were written, in their order, and no other:', () => {
  const harms: Record<string, (path: string, dice: Dice) => void> = {
    'cut short': (path, dice) => truncateSync(path, dice.below(readFileSync(path).length)),
    'flipped in a bit': (path, dice) => {
      const bytes = readFileSync(path);
      const at = dice.below(bytes.length);
      bytes[at] = (bytes[at] as number) ^ (1 << dice.below(8));
      writeFileSync(path, bytes);
    },
    'zeroed from somewhere on': (path, dice) => {
      const bytes = readFileSync(path);
      writeFileSync(path, bytes.fill(0, dice.below(bytes.length)));
    },
  };
  test.each(Object.keys(harms).flatMap(how => ['body', 'marks'].map(end => [how, end] as const)))(
    '%s in its %s',
    async (how, end) => {
      const kept = await draftOf(100);
      const files = { body: readFileSync(`${kept.draft}.body`), marks: readFileSync(`${kept.draft}.marks`) };
      let some = 0;
      for (let seed = 0; seed < repetitions(1_000, 20); seed += 1) {
        for (const name of ['body', 'marks'] as const) writeFileSync(`${kept.draft}.${name}`, files[name]);
        harms[how]?.(`${kept.draft}.${end}`, new Dice(seed));
        const { lines } = await linesIn(kept.directory);
        expect(lines).toEqual(kept.lines.slice(0, lines.length));
        if (lines.length > 0 && lines.length < kept.lines.length) some += 1;
      }
      expect(some).toBeGreaterThan(0);
    },
  );
});
