/** Names that a plan uses are defined in the agents' own files: every agent that may run it is held against it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { refuseSuspend } from '../../../src/actors/plans/plan-refusals.ts';
import { policyOf } from '../../../src/domain/policy.ts';
import type { TestAgent } from '../../support/agent.ts';
import { eventually } from '../../support/eventually.ts';
import { World } from '../../support/world.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
  world.fill(1, 1_000);
});
afterEach(() => world?.close());

async function run(name: string, hooks: string[], more: object = {}): Promise<TestAgent> {
  const [config, data] = [join(world.directory, `${name}.yaml`), join(world.directory, `data-${name}`)];
  const document = {
    kind: 'Agent',
    name,
    data,
    labels: { site: 'fra' },
    repositories: { nas: { type: 'files', path: world.repository } },
    hooks: Object.fromEntries(hooks.map(hook => [hook, { run: ['/bin/true'] }])),
    ...more,
  };
  writeFileSync(config, stringify(document));
  return await world.runAgent({ name, data, config });
}

/** Resolves once every agent that may be asked sees so many. */
async function seen(count: number): Promise<void> {
  await eventually(`${count} agents`, async () => {
    for (let asked = 0; asked < 6; asked += 1) {
      const agents = (await world.ask('agent.list')).agents as { mode: string }[];
      if (agents.filter(({ mode }) => mode === 'running').length !== count) return false;
    }
    return true;
  });
}

test('a name that one of the admitted agents lacks is refused with that agent, and taken where none lacks it', async () => {
  await run('a', ['quiesce', 'thaw']);
  await run('b', ['quiesce', 'thwa']);
  await seen(2);
  const plan = {
    name: 'docs',
    engine: { type: 'files', path: world.source },
    repository: 'nas',
    hooks: { before: ['quiesce'], finally: ['thaw'] },
  };
  for (const placement of [{ agent: 'b' }, { labels: { site: 'fra' } }, { any: true }])
    expect(await world.refusal('plan.put', { ...plan, placement })).toMatchObject({
      code: 'invalid',
      message: 'plan docs: agent b has no hook thaw',
      hint: 'did you mean thwa?',
    });
  expect(await world.refusal('plan.get', { name: 'docs' })).toMatchObject({ code: 'not-found' });
  expect(await world.ask('plan.put', { ...plan, placement: { agent: 'a' } })).toMatchObject({ revision: 1 });
});

test('an agent that was started again with another file is held against the new one', async () => {
  const first = await run('a', ['quiesce']);
  const plan = { hooks: { before: ['later'] }, repository: 'nas', placement: { any: true } };
  const put = { name: 'docs', engine: { type: 'files', path: world.source }, ...plan };
  expect(await world.refusal('plan.put', put)).toMatchObject({ message: 'plan docs: agent a has no hook later' });
  await run('b', ['later']);
  await seen(2);
  await first.terminate();
  await run('a', ['later']);
  await seen(2);
  expect(await world.ask('plan.put', put)).toMatchObject({ revision: 1 });
});

test('a command that no agent defines is refused when the plan is put', async () => {
  await run('a', []);
  const tape = { name: 'tape', engine: { type: 'exec', use: 'tape' }, repository: 'nas' };
  expect(await world.refusal('plan.put', tape)).toMatchObject({
    code: 'invalid',
    message: expect.stringContaining('agent a has no exec tape'),
  });
});

test('what an engine can resume is asked of its own definition when the plan is put', async () => {
  const [command, repositories] = [['/bin/cp', '{output}'], { dbs: { type: 'directory', path: world.repository } }];
  const exec = { once: { backup: command }, goes: { backup: command, resumable: true } };
  await run('a', [], { exec, repositories });
  const plan = (use: string) => ({ name: use, engine: { type: 'exec', use }, repository: 'dbs', onDrain: 'suspend' });
  expect(await world.refusal('plan.put', plan('once'))).toMatchObject({
    code: 'invalid',
    message: 'plan once: onDrain suspend is not for the engine exec, which cannot go on where it was stopped',
  });
  expect(await world.ask('plan.put', { ...plan('once'), onDrain: 'finish' })).toMatchObject({ revision: 1 });
  expect(await world.ask('plan.put', plan('goes'))).toMatchObject({ revision: 1 });
});

test('onDrain suspend is refused for an engine that cannot go on, with what it can do, which is its default', () => {
  const plan = { name: 'box', engine: { type: 'rclone' as const, path: '/srv' }, repository: 'box' };
  expect(() => refuseSuspend({ ...plan, onDrain: 'suspend' })).toThrow(
    expect.objectContaining({
      code: 'invalid',
      message: 'plan box: onDrain suspend is not for the engine rclone, which cannot go on where it was stopped',
      hint: expect.stringMatching(/^use .*finish/),
    }),
  );
  for (const onDrain of ['finish', 'cancel', undefined] as const)
    expect(() => refuseSuspend({ ...plan, onDrain })).not.toThrow();
  expect(policyOf(plan, 'finish').onDrain).toBe('finish');
  expect(policyOf(plan).onDrain).toBe('suspend');
});
