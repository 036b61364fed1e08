/** A real agent that is killed at the steps between a tick and its run, on a real server: what memory proves holds there. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { repetitions } from '../../support/repetitions.ts';
import { World } from '../../support/world.ts';
import { fatesOf, faultsOf, runsOf, untilRan } from './ticks.ts';

const points = ['run-created', 'before-run', 'before-fate', 'fate-told'];

test.each(points.slice(0, repetitions(points.length, points.length)))(
  'killed at schedule.%s an agent comes to one run and one fate of each tick all the same',
  async point => {
    const world = await World.open();
    try {
      writeFileSync(join(world.source, 'file'), 'contents');
      const agent = await world.runAgent({ env: { REEVE_FAILPOINTS: `schedule.${point}=kill@2` } });
      await world.plan('docs', {});
      await world.ask('schedule.put', { name: 'often', plan: 'docs', task: 'backup', every: '1s' });
      expect(await agent.ended).toMatchObject({ signal: 'SIGKILL' });
      await world.runAgent();
      await untilRan(world, 'backup', ['docs'], Date.now());
      await world.ask('schedule.delete', { name: 'often' });
      await world.reached('often--docs', ({ final }) => final, 'schedule');
      for (const { id } of await runsOf(world, 'backup', 'often')) await world.ending(id);
      const [fates, runs] = [await fatesOf(world, 'often'), await runsOf(world, 'backup', 'often')];
      expect(fates.length).toBeGreaterThan(2);
      expect(faultsOf(fates, runs, 1_000)).toEqual([]);
    } finally {
      await world.close();
    }
  },
);
