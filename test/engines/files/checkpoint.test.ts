/** What a run that was stopped or killed reads again when it goes on. */
import { appendFileSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Dice } from '../../support/dice.ts';
import { eventually } from '../../support/eventually.ts';
import { repetitions } from '../../support/repetitions.ts';
import { backUpAndCommit, backupJob, type Engine, scratch, startEngine } from './engine-process.ts';
import { doHere } from './in-process.ts';
import { describeTree, noise } from './trees.ts';

const mebibyte = 1024 * 1024;
const [files, fileBytes] = [48, 2 * mebibyte];
const whole = files * fileBytes;
/** What was read when a run was killed and is in no line of its manifest yet: files that were being read, and 8 MiB. */
const inFlightBytes = 40 * mebibyte;

let source: string;
beforeAll(async () => {
  let clean = () => {};
  source = join(
    scratch(end => {
      clean = end;
    }),
    'source',
  );
  mkdirSync(source);
  for (let index = 0; index < files; index += 1)
    writeFileSync(join(source, `file-${10 + index}`), noise(fileBytes, `checkpoint ${index}`));
  await delay(60); // what changed just now is read again
  return clean;
});

const bytesDone = ({ events }: Engine) =>
  Math.max(0, ...events.map(event => (event.type === 'progress' ? (event.progress.bytesDone ?? 0) : 0)));

class Run {
  readonly directory = scratch(onTestFinished);
  readonly repository = join(this.directory, 'repository');
  readonly tmp = join(this.repository, 'tmp', 'p-1');
  readonly #job = { ...backupJob('p-1', source, this.repository), bytesPerSecond: 40 * mebibyte };

  /** Ends an attempt by a signal once it has said that it did so much; answers how much it had done. */
  async attempt(signal: NodeJS.Signals, atBytes: number): Promise<number> {
    const engine = startEngine(this.directory, this.#job);
    await eventually('it is so far', () => bytesDone(engine) >= atBytes);
    engine.process.kill(signal);
    await engine.ended;
    return bytesDone(engine);
  }

  /** The attempt that comes to its end; all is right then, and it answers how much it read. */
  async complete(): Promise<number> {
    const { directory, repository } = this;
    const { bytesRead, bytes } = await backUpAndCommit(directory, 'p-1', source, repository);
    expect(bytes).toBeGreaterThanOrEqual(whole);
    const to = join(directory, 'out');
    await doHere({ task: 'restore', repository, backup: 'p-1', to, include: [] });
    expect(describeTree(to)).toEqual(describeTree(source));
    expect(readdirSync(join(repository, 'tmp'))).toEqual([]);
    expect(await doHere({ task: 'verify', repository, backup: 'p-1' })).toMatchObject({ damaged: { count: 0 } });
    return bytesRead;
  }
}

describe('a run that goes on', () => {
  test.each(['SIGTERM', 'SIGKILL'] as const)('after %s reads only what it had not finished', async signal => {
    const run = new Run();
    const done = await run.attempt(signal, whole / 2);
    const read = await run.complete();
    process.stderr.write(`measured: ${signal} after ${done} of ${whole} bytes, then ${read} were read\n`);
    expect(read).toBeLessThan(whole - done + inFlightBytes);
  });

  test('is not thrown back by an attempt that was killed before it came as far as the one before', async () => {
    const run = new Run();
    const done = await run.attempt('SIGKILL', whole * 0.7);
    for (const attempt of ['first', 'second']) {
      const engine = startEngine(run.directory, backupJob('p-1', source, run.repository), {
        failpoints: 'frame.before-write=kill@1',
      });
      expect({ attempt, signal: (await engine.ended).signal }).toEqual({ attempt, signal: 'SIGKILL' });
    }
    expect(await run.complete()).toBeLessThan(whole - done + inFlightBytes);
  });

  test('reads nothing where it was killed after its manifest was staged', async () => {
    const run = new Run();
    const job = backupJob('p-1', source, run.repository);
    const engine = startEngine(run.directory, job, { failpoints: 'manifest.staged=kill' });
    expect((await engine.ended).signal).toBe('SIGKILL');
    expect(await run.complete()).toBe(0);
  });

  test('reads what has changed meanwhile, also what it had finished', async () => {
    const run = new Run();
    await run.attempt('SIGTERM', whole * 0.7);
    const first = join(source, 'file-10');
    writeFileSync(first, noise(fileBytes, 'changed'));
    onTestFinished(() => writeFileSync(first, noise(fileBytes, 'checkpoint 0')));
    await run.complete();
  });

  test('reads what its chunks are gone of', async () => {
    const run = new Run();
    await run.attempt('SIGTERM', whole * 0.7);
    const packs = readdirSync(join(run.repository, 'packs'), { recursive: true, withFileTypes: true });
    const largest = packs
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath, entry.name))
      .sort((one, other) => statSync(other).size - statSync(one).size)[0] as string;
    truncateSync(largest, 1_000);
    await run.complete();
  });
});

describe('a checkpoint that is harmed', () => {
  const harms: Record<string, (path: string, dice: Dice) => void> = {
    'cut short': (path, dice) => truncateSync(path, dice.below(statSync(path).size)),
    'flipped in a bit': (path, dice) => {
      const bytes = readFileSync(path);
      const at = dice.below(bytes.length);
      bytes[at] = (bytes[at] as number) ^ (1 << dice.below(8));
      writeFileSync(path, bytes);
    },
    'longer than it was': (path, dice) => appendFileSync(path, noise(dice.below(10_000), 'more')),
  };
  const rolls = Array.from({ length: repetitions(10) }, (_, seed) => seed);
  test.each(Object.keys(harms).flatMap(how => rolls.map(seed => [how, seed] as const)))(
    '%s costs time, and nothing else (%i)',
    async (how, seed) => {
      const run = new Run();
      await run.attempt(seed % 2 === 0 ? 'SIGTERM' : 'SIGKILL', whole / 2);
      const left = readdirSync(run.tmp).filter(name => /^manifest-.*\.(body|marks)$/.test(name));
      expect(left).toHaveLength(2);
      const dice = new Dice(seed);
      harms[how]?.(join(run.tmp, dice.pick(left)), dice);
      expect(await run.complete()).toBeLessThanOrEqual(whole);
    },
  );
});

describe('a run that is killed at random points', () => {
  const rolls = Array.from({ length: repetitions(20) }, (_, seed) => seed);
  test.each(rolls)('three times gets on each time, and all is right in the end (%i)', async seed => {
    const run = new Run();
    const dice = new Dice(seed);
    let done = 0;
    for (const share of [0.3, 0.5, 0.8]) {
      done = Math.max(done, await run.attempt('SIGKILL', whole * share * (0.8 + 0.2 * dice.roll())));
      await delay(dice.below(20));
    }
    const read = await run.complete();
    process.stderr.write(`measured: killed thrice, after ${done} of ${whole} bytes, then ${read} were read\n`);
    expect(read).toBeLessThan(whole - done + inFlightBytes);
  });
});
