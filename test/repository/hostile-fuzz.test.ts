import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Dice } from '../support/dice.ts';
import { repetitions } from '../support/repetitions.ts';
import { heavyManifests } from './heavy-manifests.ts';
import { hostileManifest } from './hostile-manifests.ts';
import { RestorePen } from './restore-pen.ts';

/** Bytes that the process may grow by, whatever it is given to read; once it is warm, for what was read before. */
const growthMax = 200_000_000;
/** Manifests that are under way at once, each in a pen of its own. */
const pensCount = 2;
/** Of the manifests that can be read to their ends, those that are restored too; of the others all are. */
const restoredShare = 0.1;
const includes = ['a', '*', 'evil', 'a/**', '**/evil', '{a,b}/', '../*', '/'];
/** Kinds that no reader may take. */
const neverRead = [
  'a line stands twice',
  'a footer stands in between',
  'data belongs to nothing',
  'a directory is called otherwise, in all of its paths',
];
const failures = ['data-corrupt', 'target-full', 'target-unwritable', 'target-not-empty', 'nothing-matched'];

let pens: RestorePen[];
let heavyPen: RestorePen;

/** The most memory that the process had so far, in bytes. */
const peak = () => process.resourceUsage().maxRSS * 1024;

beforeAll(async () => {
  pens = await Promise.all(Array.from({ length: pensCount }, () => RestorePen.make()));
  heavyPen = await RestorePen.make();
});
afterAll(() => {
  for (const pen of [...pens, heavyPen]) pen.remove();
});

describe('a hostile manifest', () => {
  test('of chance ends in a failure or a restore, and touches nothing outside', async () => {
    const [first, count] = [20_260_101, repetitions(100_000, 100)];
    const outcomes = new Map<string, number>();
    const kinds = new Set<string>();
    let next = first;
    let peakWarm = 0;
    const work = async (pen: RestorePen): Promise<void> => {
      while (next < first + count) {
        const seed = next++;
        if (seed === first + Math.ceil(count / 10)) peakWarm = peak();
        const dice = new Dice(seed);
        const made = hostileManifest(dice, pen.canary);
        const include = dice.chance(0.1) ? [dice.pick(includes)] : [];
        const trial = { include, times: dice.chance(0.5) ? 2 : 1, isReadOnly: !dice.chance(restoredShare) };
        const outcome = await pen.restore(made.bytes, trial).catch(cause => {
          throw new Error(`the seed ${seed} (${made.kinds.join(', ')}): ${cause.message}`, { cause });
        });
        const [kind = '', ...more] = made.kinds;
        if (more.length === 0 && neverRead.includes(kind)) expect(outcome, `the seed ${seed}`).toBe('data-corrupt');
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        for (const each of made.kinds) kinds.add(each);
      }
    };
    await Promise.all(pens.map(work));
    for (const outcome of outcomes.keys()) expect(['read', 'restored', ...failures]).toContain(outcome);
    expect(outcomes.get('read')).toBeGreaterThan(count / 20);
    expect(outcomes.get('restored')).toBeGreaterThan(0);
    expect(kinds.size).toBeGreaterThan(38);
    expect({}).not.toHaveProperty('polluted');
    expect(peakWarm).toBeGreaterThan(0);
    expect(peak() - peakWarm).toBeLessThan(growthMax);
  });

  test.each(heavyManifests)('of $name ends as $outcome, within its memory', async ({ bytes, outcome }) => {
    const before = peak();
    expect(await heavyPen.restore(await bytes())).toBe(outcome);
    expect(peak() - before).toBeLessThan(growthMax);
  });
});
