/** SIGKILL of backups, restores and verifies at random points and at failpoints, and drafts that are torn besides. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { frameBytesMax } from '../../../src/repository/frame.ts';
import { Dice } from '../../support/dice.ts';
import { repetitions } from '../../support/repetitions.ts';
import { backUpAndCommit, backupJob, listed, runJob, scratch, startEngine } from './engine-process.ts';
import { doHere } from './in-process.ts';
import { bytesOf, draftsOf, frameBytes, framesIn, packsOf, tornBytes } from './stored-frames.ts';
import { describeTree, noise } from './trees.ts';

const soaks = process.env.REEVE_SOAK === '1';
/** Of large files; the whole source has some small ones besides. */
const largeBytes = (soaks ? 256 : 48) * 1024 * 1024;
const largeFiles = 6;
/** A killed attempt may tear a frame of each of its threads, of which there are four at most. */
const tornMax = 4 * frameBytesMax;

let directory: string;
let source: string;
/** The source as it was backed up as p-1, before most of it came. */
let before: ReturnType<typeof describeTree>;
let tree: ReturnType<typeof describeTree>;
/** A repository that has p-1 only: each test works on its own copy of it. */
let template: string;
/** One that has p-2, too, from a run that nobody killed. */
let whole: { repository: string; ms: number; stored: number; packs: number };

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'reeve-kill-points-'));
  source = join(directory, 'source');
  template = join(directory, 'template');
  mkdirSync(source);
  for (let index = 0; index < 50; index += 1) writeFileSync(join(source, `kept-${index}`), noise(9_000, `${index}`));
  await backUpAndCommit(directory, 'p-1', source, template);
  before = describeTree(source);
  for (let index = 0; index < largeFiles; index += 1)
    writeFileSync(join(source, `large-${index}`), noise(Math.floor(largeBytes / largeFiles), `large ${index}`));
  mkdirSync(join(source, 'small'));
  for (let index = 0; index < 300; index += 1)
    writeFileSync(join(source, 'small', `${index}`), noise(3_000, `small ${index}`));
  tree = describeTree(source);
  const repository = join(directory, 'whole');
  cpSync(template, repository, { recursive: true });
  const began = performance.now();
  const result = await runJob(directory, backupJob('p-2', source, repository));
  const ms = performance.now() - began;
  await commit(repository, result);
  const packs = bytesOf(packsOf(repository)) - bytesOf(packsOf(template));
  whole = { repository, ms, stored: result.bytesStored, packs };
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function commit(repository: string, { manifest, outcome }: { manifest: string; outcome: 'completed' | 'partial' }) {
  return doHere({ task: 'commit', run: 'p-2', repository, manifest, outcome });
}

/** A copy of a repository, gone when the test is over. */
function copyOf(repository: string): { scratch: string; repository: string } {
  const place = scratch(onTestFinished);
  cpSync(repository, join(place, 'repository'), { recursive: true });
  return { scratch: place, repository: join(place, 'repository') };
}

async function restores(repository: string, backup: string, expected: typeof tree): Promise<void> {
  const to = join(repository, '..', `restored-${backup}`);
  await doHere({ task: 'restore', repository, backup, to, include: [] });
  expect(describeTree(to)).toEqual(expected);
  rmSync(to, { recursive: true });
}

/** A run of p-2 that is killed, maybe again and again, and what its attempts sent. */
class KilledRun {
  readonly repository: string;
  readonly #scratch: string;
  kills = 0;
  torn = 0;

  constructor() {
    ({ scratch: this.#scratch, repository: this.repository } = copyOf(template));
  }

  /** One attempt, killed at a failpoint or by `kill`; nothing of it is listed, and what was there before restores. */
  async attempt(failpoints: string, kill?: (child: { kill(signal: 'SIGKILL'): boolean }) => Promise<void>) {
    const engine = startEngine(this.#scratch, backupJob('p-2', source, this.repository), { failpoints });
    if (kill) await Promise.race([kill(engine.process), engine.ended]);
    const { signal, status, stderr } = await engine.ended;
    if (signal === null)
      expect({ status, stderr, killed: kill === undefined }).toMatchObject({ status: 0, killed: false });
    else this.kills += 1;
    this.torn += tornBytes(this.repository, 'p-2');
    expect(await listed(this.repository)).toEqual(['p-1']);
    await restores(this.repository, 'p-1', before);
  }

  /** The attempt that nobody kills: all comes out as if there had been no other, and little was sent twice. */
  async complete(): Promise<{ resent: number; grown: number }> {
    const found = frameBytes(this.repository, 'p-2') - frameBytes(template, 'p-2');
    const result = await runJob(this.#scratch, backupJob('p-2', source, this.repository));
    await commit(this.repository, result);
    expect(await listed(this.repository)).toEqual(['p-2', 'p-1']);
    expect(readdirSync(join(this.repository, 'tmp'))).toEqual([]);
    expect(readdirSync(join(this.repository, 'writers'))).toEqual([]);
    expect(readdirSync(join(this.repository, 'manifests'))).toHaveLength(2);
    const verified = await doHere({ task: 'verify', repository: this.repository, backup: 'p-2' });
    expect(verified).toMatchObject({ damaged: { count: 0 } });
    await restores(this.repository, 'p-2', tree);
    const grown = (bytesOf(packsOf(this.repository)) - bytesOf(packsOf(template))) / whole.packs;
    const resent = (found + result.bytesStored) / whole.stored;
    expect(grown).toBeLessThan(1.01);
    expect(resent).toBeGreaterThan(0.99);
    // What was whole when it was killed is not sent again; what was torn is, a frame of each thread at most.
    expect(resent).toBeLessThan(1.01);
    expect(this.torn).toBeLessThanOrEqual(this.kills * tornMax);
    return { resent, grown };
  }
}

/** Points spread over a length, so that few repetitions meet different ones, too. */
function pointsIn(lengthMs: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => ((index + Math.random()) / count) * lengthMs);
}

function tell(what: string, { kills, torn }: KilledRun, { resent, grown }: { resent: number; grown: number }): void {
  const percent = (share: number) => `${((share - 1) * 100).toFixed(3)} %`;
  process.stderr.write(
    `measured: ${what}: ${kills} kills; sent again ${percent(resent + torn / whole.stored)}, of it torn ${torn} bytes; packs grew by ${percent(grown)} more than in a run of its own\n`,
  );
}

describe('a backup that is killed at random points, three times in one run,', () => {
  const runs = Array.from({ length: repetitions(20) }, (_, index) => index);
  test.each(runs)('lists nothing partial, and completes with nothing sent twice (%i)', async index => {
    const run = new KilledRun();
    for (const afterMs of pointsIn(whole.ms, 3))
      await run.attempt('', async child => {
        await delay(afterMs);
        child.kill('SIGKILL');
      });
    tell(`killed at random ${index}`, run, await run.complete());
    expect(run.kills).toBeGreaterThan(0);
  });
});

test('a backup that is killed at each failpoint, one after the other in one run, completes with nothing sent twice', async () => {
  const run = new KilledRun();
  const failpoints = [
    'frame.half-written=kill@3',
    'salvage.after-write=kill@1',
    'frame.after-write=kill@4',
    'pack.before-rename=kill', // of a pack that was salvaged
    'pack.after-rename=kill',
    'frame.half-written=kill@2',
    'manifest.staged=kill',
  ];
  for (const failpoint of failpoints) await run.attempt(failpoint);
  expect(run.kills).toBe(failpoints.length);
  tell('killed at failpoints', run, await run.complete());
});

describe('a draft whose last frame is', () => {
  /** What the tests do to a draft, between two of its bytes. */
  const harms: Record<string, (path: string, from: number, to: number, dice: Dice) => void> = {
    'cut short': (path, from, to, dice) => truncateSync(path, from + dice.below(to - from)),
    'flipped in a bit': (path, from, to, dice) => {
      const bytes = readFileSync(path);
      const at = from + dice.below(to - from);
      bytes[at] = (bytes[at] as number) ^ (1 << dice.below(8));
      writeFileSync(path, bytes);
    },
  };
  const rolls = Array.from({ length: repetitions(10) }, (_, seed) => seed);
  test.each(Object.keys(harms).flatMap(how => rolls.map(seed => [how, seed] as const)))(
    '%s is found out, and that frame is sent again (%i)',
    async (how, seed) => {
      const run = new KilledRun();
      await run.attempt('frame.after-write=kill@4');
      const there = frameBytes(run.repository, 'p-2');
      let harmed = 0;
      for (const path of draftsOf(run.repository, 'p-2')) {
        const last = framesIn(path).at(-1);
        if (!last) continue;
        harms[how]?.(path, last.from, last.to, new Dice(seed));
        harmed += last.to - last.from;
      }
      expect(harmed).toBeGreaterThan(0);
      expect(frameBytes(run.repository, 'p-2')).toBe(there - harmed);
      await run.complete();
    },
  );
});

describe('killed at a random point,', () => {
  /** Every file of a repository with its size and the time of its last change. */
  const contents = (repository: string) =>
    readdirSync(repository, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath, entry.name))
      .map(path => `${path} ${statSync(path).size} ${statSync(path).mtimeMs}`)
      .sort();

  /** Kills jobs all over the length of one that is not killed; answers how many were under way still. */
  async function killAllOver(jobs: () => object, after: () => Promise<void>): Promise<number> {
    const place = scratch(onTestFinished);
    const began = performance.now();
    expect((await startEngine(place, jobs()).ended).status).toBe(0);
    let kills = 0;
    for (const afterMs of pointsIn(performance.now() - began, repetitions(20))) {
      const engine = startEngine(place, jobs());
      await Promise.race([delay(afterMs), engine.ended]);
      engine.process.kill('SIGKILL');
      if ((await engine.ended).signal !== null) kills += 1;
      await after();
    }
    return kills;
  }

  test('a restore that is repeated into the same directory comes out the same, and leaves no mark', async () => {
    const place = scratch(onTestFinished);
    const { repository } = whole;
    const then = contents(repository);
    let count = 0;
    const wanted = () =>
      ({ task: 'restore', repository, backup: 'p-2', to: join(place, `${count}`), include: [] as string[] }) as const;
    const next = () => {
      rmSync(join(place, `${count}`), { recursive: true, force: true });
      count += 1;
      return wanted();
    };
    const kills = await killAllOver(next, async () => {
      // Where it had come to its end before it was killed, its directory is no longer its own.
      const names = readdirSync(place).includes(`${count}`) ? readdirSync(join(place, `${count}`)) : [];
      const isRepeated = names.length === 0 || names.some(name => name.startsWith('.reeve-restore-'));
      if (isRepeated) await doHere(wanted());
      const restored = describeTree(join(place, `${count}`));
      // Taking the mark away is all but the last: the time of the directory that it lay in is set once more after it.
      const outermost = restored.get('');
      if (!isRepeated && outermost) outermost.mtime = tree.get('')?.mtime ?? '';
      expect(restored).toEqual(tree);
    });
    expect(kills).toBeGreaterThan(0);
    expect(contents(repository)).toEqual(then);
  });

  test('a verify leaves the repository as it was, and the next one is clean', async () => {
    const { repository } = whole;
    const then = contents(repository);
    const wanted = { task: 'verify', repository, backup: 'p-2' } as const;
    const kills = await killAllOver(
      () => wanted,
      async () => expect(contents(repository)).toEqual(then),
    );
    expect(kills).toBeGreaterThan(0);
    expect(await doHere(wanted)).toMatchObject({ damaged: { count: 0 } });
    expect(await listed(repository)).toEqual(['p-2', 'p-1']);
  });
});
