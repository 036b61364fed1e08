/** At its start an agent clears away what a dead restic left in a repository of its plans, and leaves a living one alone. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { describeWithTools } from '../../support/tools.ts';
import { World } from '../../support/world.ts';
import { TestRepository } from './repository.ts';

describeWithTools('a repository of restic', ['restic'], () => {
  let world: World;
  let repository: TestRepository;
  const holders: ChildProcess[] = [];
  beforeEach(async () => {
    world = await World.open();
    const directory = join(world.directory, 'restic');
    mkdirSync(directory);
    repository = new TestRepository(directory);
    repository.make();
  });
  afterEach(async () => {
    for (const holder of holders) holder.kill('SIGKILL');
    await world?.close();
  });

  const temporary = () => repository.files('data').filter(name => name.includes('-tmp-'));

  /** A backup by hand that never ends by itself, once it holds its lock and has begun a file in the repository. */
  async function holder(): Promise<ChildProcess> {
    const before = temporary().length;
    const where = { RESTIC_REPOSITORY: repository.path, RESTIC_PASSWORD_FILE: repository.passwordFile };
    const command = 'exec restic backup --no-cache --limit-upload 1 --stdin </dev/urandom';
    const env = { PATH: process.env.PATH, HOME: world.directory, ...where };
    const child = spawn('sh', ['-c', command], { env, stdio: 'ignore' });
    holders.push(child);
    await eventually('a temporary file', () => temporary().length > before, 20_000);
    return child;
  }

  test('loses the locks of dead processes at the start of an agent, and its temporary files once nobody is left', async () => {
    const repositories = { mail: repository.document };
    const config = world.agentFile('here', { repositories });
    const first = await world.runAgent({ config });
    const engine = { type: 'restic', path: world.source };
    await world.ask('plan.put', { name: 'mail', engine, repository: 'mail' });
    await first.terminate();
    const [living, dead] = [await holder(), await holder()];
    dead.kill('SIGKILL');
    await once(dead, 'exit');
    expect(repository.files('locks').length).toBe(2);

    const second = await world.runAgent({ config });
    const swept = { where: 'repository mail', why: 'whose it was is dead' };
    expect(await second.told('sweep.removed')).toMatchObject({ what: 'locks of dead processes', ...swept });
    expect(repository.files('locks').length).toBe(1);
    expect(temporary().length).toBeGreaterThanOrEqual(2);
    expect(living.exitCode).toBeNull();
    await second.terminate();

    living.kill('SIGKILL');
    await once(living, 'exit');
    const third = await world.runAgent({ config });
    await third.told('sweep.removed', ({ what }) => /temporary files$/.test(String(what)));
    expect([repository.files('locks'), temporary()]).toEqual([[], []]);
  });
});
