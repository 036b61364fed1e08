/** A repository whose disk goes away in the middle of a run, under `keepLast: 1`, and comes back later. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { repetitions } from '../../support/repetitions.ts';
import { type HistoryRecord, World } from '../../support/world.ts';
import { fatesOf, faultsOf, runsOf } from '../schedules/ticks.ts';

const mebibyte = 2 ** 20;
const sourceBytes = 10 * mebibyte;
const everyMs = 1_000;

let world: World;
let disk: string;
let repository: string;
beforeEach(async () => {
  world = await World.open();
  disk = join(world.directory, 'disk');
  repository = join(disk, 'repository');
  mkdirSync(disk);
  const repositories = { nas: { type: 'files', path: repository } };
  // So that a tenth of the source takes a while.
  const limits = { runs: 1, bytesPerSecond: '5MiB' };
  await world.runAgent({ config: world.agentFile('here', { repositories, limits }) });
});
afterEach(() => world?.close());

/** What a run has stored so far. */
function storedBytes(): number {
  if (!existsSync(repository)) return 0;
  const files = readdirSync(repository, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile());
  return files.reduce((sum, { parentPath, name }) => sum + sizeOf(join(parentPath, name)), 0);
}

/** 0 where it went meanwhile, as a draft does that gets its name. */
function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

const isUnreachable = ({ state, reason }: HistoryRecord) => state === 'failed' && reason === 'repository-unreachable';

const ways = [
  { away: 'an empty mount point is left', leaves: () => mkdirSync(disk), returns: () => rmdirSync(disk) },
  { away: 'nothing is left', leaves: () => {}, returns: () => {} },
];

test.each(ways.slice(0, repetitions(ways.length)))(
  'away at a tenth of a run ($away) it costs that run and the ticks meanwhile, and never the last complete backup',
  async ({ leaves, returns }) => {
    world.fill(1, 10_000);
    await world.plan('docs', { repository: 'nas', retention: { keepLast: 1 }, retry: { attempts: 1 } });
    const first = await world.backUp('docs');
    expect(first.state).toBe('completed');
    const before = storedBytes();
    world.fill(10, mebibyte, 'more');
    await world.ask('schedule.put', { name: 'often', plan: 'docs', task: 'backup', every: '1s' });

    const share = await eventually('a tenth', () => {
      const done = (storedBytes() - before) / sourceBytes;
      return done >= 0.1 && done;
    });
    renameSync(disk, `${disk}-away`);
    leaves();
    expect(share).toBeLessThan(0.3);
    const checks = async () => (await world.ask('plan.check', { name: 'docs' })).checks;
    const runs = () => runsOf(world, 'backup', 'often');
    const [interrupted] = await runs();
    expect(isUnreachable(await world.ending(String(interrupted?.id)))).toBe(true);
    await eventually('a tick meanwhile', async () => (await runs()).filter(isUnreachable).length > 1);
    expect(await checks()).toContainEqual(expect.objectContaining({ name: 'mounted', ok: false }));
    expect(await world.catalogued()).toEqual([first.id]);
    expect(existsSync(disk) ? readdirSync(disk) : []).toEqual([]);

    returns();
    renameSync(`${disk}-away`, disk);
    expect(await world.listed(repository)).toEqual([first.id]);
    const next = await eventually('a backup by a later tick', async () =>
      (await runs()).find(({ state }) => state === 'completed'),
    );
    await world.ask('schedule.delete', { name: 'often' });
    await world.reached('often--docs', ({ final }) => final, 'schedule');
    const all = await runs();
    for (const { id } of all.filter(run => run.id >= next.id))
      expect(await world.ending(id)).toMatchObject({ state: 'completed' });
    expect(faultsOf(await fatesOf(world, 'often'), all, everyMs)).toEqual([]);
    const newest = all.at(-1)?.id;
    await eventually('the newest alone', async () => (await world.catalogued()).join() === newest, 20_000);
    expect(await world.listed(repository)).toEqual([newest]);
    const { id } = await world.ask('verify.start', { backup: newest });
    expect(await world.ending(String(id), 'verify')).toMatchObject({ state: 'completed' });
  },
);
