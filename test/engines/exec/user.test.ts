/** Commands of the agent's own file that run as another user than the agent, which is root. */
import { chmodSync, copyFileSync, existsSync, lstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TestAgent } from '../../support/agent.ts';
import { eventually } from '../../support/eventually.ts';
import { otherUser } from '../../support/other-user.ts';
import { World } from '../../support/world.ts';

const other = otherUser();
const engines = join(import.meta.dirname, '..', '..', 'support', 'engines');

describe.skipIf(!other)('a command with a user', () => {
  let world: World;
  let repository: string;
  let agent: TestAgent;
  beforeEach(async () => {
    world = await World.open();
    chmodSync(world.directory, 0o711); // a user of its own reaches what it is given there
    repository = join(world.directory, 'dumps');
    agent = await runAgent();
  });
  afterEach(() => world?.close());

  /** A checkout may lie where only root looks. */
  function script(name: string): string {
    const path = join(world.directory, `${name}.sh`);
    copyFileSync(join(engines, `${name}.sh`), path);
    chmodSync(path, 0o644);
    return path;
  }

  async function runAgent() {
    const command = (name: string) => ({ backup: ['/bin/sh', script(name), '{output}'], user: other?.name });
    const exec = {
      dump: { ...command('dump'), restore: ['/bin/sh', script('load'), '{input}', '{to}'], proof: { file: 'DONE' } },
      waits: command('waits'),
      grandchildren: command('grandchildren'),
      unknown: { ...command('dump'), user: 'no-such-user' },
    };
    const repositories = { dumps: { type: 'directory', path: repository } };
    return await world.runAgent({ config: world.agentFile('here', { repositories, exec }) });
  }

  const plan = (name: string) =>
    world.ask('plan.put', { name, engine: { type: 'exec', use: name }, repository: 'dumps', retry: { attempts: 1 } });
  const ownersIn = (directory: string) => [
    ...new Set(
      [
        directory,
        ...readdirSync(directory, { recursive: true, encoding: 'utf8' }).map(name => join(directory, name)),
      ].map(path => lstatSync(path).uid),
    ),
  ];
  const started = async (name: string) => {
    const id = await world.start(name);
    await eventually('it has begun', () => existsSync(join(repository, name, id, 'part')));
    return id;
  };

  test('makes a backup that is its user’s, which restores as its user’s, in a repository that stays the agent’s', async () => {
    await plan('dump');
    const backup = await world.backUp('dump');
    expect(backup).toMatchObject({ state: 'completed', context: { result: { files: 4 }, kept: [] } });
    const output = join(repository, 'dump', backup.id);
    expect(ownersIn(output)).toEqual([other?.uid]);
    for (const path of [`${output}.files`, `${output}.slot`, join(repository, 'dump'), repository])
      expect(statSync(path).uid).toBe(0);
    const to = join(world.directory, 'restored');
    const { id } = await world.ask('restore.start', { plan: 'dump', to });
    expect(await world.ending(String(id), 'restore')).toMatchObject({
      state: 'completed',
      context: { result: { files: 4 } },
    });
    expect(ownersIn(to)).toEqual([other?.uid]);
    const verify = await world.ask('verify.start', { plan: 'dump' });
    expect(await world.ending(String(verify.id), 'verify')).toMatchObject({ state: 'completed' });
  });

  test('is ended by a cancel with all that it started, also after its agent was killed and came back', async () => {
    for (const name of ['waits', 'grandchildren']) {
      await plan(name);
      const id = await started(name);
      await world.ask('backup.cancel', { id });
      expect(await world.ending(id)).toMatchObject({ state: 'cancelled', context: { kept: [] } });
      expect(world.workers()).toEqual([]);
      expect(readdirSync(join(repository, name))).toEqual([`${id}.slot`]);
    }
    const id = await started('waits');
    const isShell = ({ command }: { command: string[] }) =>
      command[0] === '/bin/sh' && command[1]?.endsWith('waits.sh');
    const before = world.workers().filter(isShell);
    expect(before.map(({ pid }) => statSync(`/proc/${pid}`).uid)).toEqual([other?.uid]);
    await agent.kill();
    const next = await runAgent();
    await next.told('engine.reattached', ({ found }) => found === 'alive');
    expect(world.workers().filter(isShell)).toEqual(before);
    await world.ask('backup.cancel', { id });
    expect(await world.ending(id)).toMatchObject({ state: 'cancelled', context: { kept: [], attempt: 1 } });
    expect(world.workers()).toEqual([]);
  });

  test('is not started where its user is unknown, which a check says before', async () => {
    await plan('unknown');
    const { checks } = await world.ask('plan.check', { name: 'unknown' });
    expect(checks).toContainEqual(
      expect.objectContaining({ name: 'command', ok: false, message: 'there is no user no-such-user on this host' }),
    );
    expect(await world.backUp('unknown')).toMatchObject({
      state: 'failed',
      context: { reason: 'engine-failed', message: expect.stringContaining('there is no user no-such-user') },
    });
  });
});
