/** A plan that is paused: nothing starts it, whoever asks, until it goes on. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { World } from '../support/world.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
  world.fill(1, 1_000);
});
afterEach(() => world?.close());

test('a paused plan starts no backup, says why and what to do, and goes on when it is told to or its time is over', async () => {
  const agent = await world.runAgent();
  await world.plan('docs');
  const first = { plan: 'docs', requestId: 'the first' };
  const { id } = await world.ask('backup.start', first);
  await world.ending(String(id));
  expect(await world.ask('plan.pause', { name: 'docs', until: '3d', note: 'a new disk' })).toEqual({ ok: true });
  const { paused } = (await world.ask('plan.get', { name: 'docs' })) as unknown as { paused: { until: string } };
  expect(paused).toEqual({ until: expect.stringMatching(/^\d{4}-.*Z$/), note: 'a new disk' });
  expect(Date.parse(paused.until) - Date.now()).toBeGreaterThan(2.9 * 86_400_000);
  expect((await world.ask('plan.list')).plans).toMatchObject([{ name: 'docs', paused }]);
  for (const more of [{}, { dryRun: true }])
    expect(await world.refusal('backup.start', { plan: 'docs', ...more })).toMatchObject({
      code: 'refused',
      message: `plan docs is paused until ${paused.until}: a new disk`,
      hint: 'let it go on with: reeve plan resume docs',
    });
  // What was started before is answered as it was, what reads its backups works, and a restart forgets nothing.
  expect(await world.ask('backup.start', first)).toMatchObject({ id });
  expect(await world.ending(String((await world.ask('verify.start', { plan: 'docs' })).id), 'verify')).toMatchObject({
    state: 'completed',
  });
  await world.plan('docs', { tolerate: { unreadable: 1 } });
  await agent.kill();
  await world.runAgent();
  expect(await world.refusal('backup.start', { plan: 'docs' })).toMatchObject({ code: 'refused' });
  await world.ask('plan.resume', { name: 'docs' });
  expect(await world.ask('plan.get', { name: 'docs' })).not.toHaveProperty('paused');
  await world.backUp('docs');

  await world.ask('plan.pause', { name: 'docs', until: '1500ms' });
  expect(await world.refusal('backup.start', { plan: 'docs' })).toMatchObject({ code: 'refused' });
  await eventually('it goes on by itself', () => world.start('docs').catch(() => undefined));
  expect(await world.ask('plan.get', { name: 'docs' })).not.toHaveProperty('paused');
});

test('a pause of no plan, until no moment, or with an unknown field is refused', async () => {
  await world.runAgent();
  await world.plan('docs');
  for (const command of ['plan.pause', 'plan.resume'])
    expect(await world.refusal(command, { name: 'dcos' })).toMatchObject({
      code: 'not-found',
      hint: 'did you mean docs?',
    });
  expect(await world.refusal('plan.pause', { name: 'docs', until: 'tomorrow' })).toMatchObject({
    code: 'invalid',
    message: expect.stringContaining('until: is neither a time nor a duration'),
  });
  expect(await world.refusal('plan.pause', { name: 'docs', until: '2020-01-01T00:00:00Z' })).toMatchObject({
    code: 'invalid',
    message: 'plan.pause: until: 2020-01-01T00:00:00Z is over already',
  });
  expect(await world.refusal('plan.pause', { name: 'docs', untill: '1h' })).toMatchObject({
    message: expect.stringContaining('did you mean until?'),
  });
  expect(await world.ask('plan.get', { name: 'docs' })).not.toHaveProperty('paused');
});
