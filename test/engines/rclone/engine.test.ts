/** rclone under a real agent, into a directory and into a server that asks for a password. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { describeWithTools } from '../../support/tools.ts';
import { withoutPowers } from '../../support/without-powers.ts';
import { World } from '../../support/world.ts';

let world: World;
let remote: string;
let config: string;

describeWithTools('rclone under an agent', ['rclone'], () => {
  beforeEach(async () => {
    world = await World.open();
    remote = join(world.directory, 'box');
    const configFile = join(world.directory, 'rclone.conf');
    writeFileSync(configFile, '');
    config = world.agentFile('here', {
      limits: { bytesPerSecond: '24MiB' },
      repositories: {
        box: { type: 'rclone', remote, configFile },
      },
    });
  });
  afterEach(() => world?.close());

  const plan = (name: string, more: object = {}) =>
    world.ask('plan.put', {
      name,
      engine: { type: 'rclone', path: world.source, exclude: ['*.tmp', 'cache/'] },
      repository: 'box',
      retry: { attempts: 1 },
      ...more,
    });
  const end = async (command: string, input: object) =>
    await world.ending(String((await world.ask(`${command}.start`, input)).id), command);
  const at = (...names: string[]) => join(remote, 'media', ...names);
  const left = () => (existsSync(at()) ? readdirSync(at()).sort() : []);

  test('a backup is a directory of its own with a listing of hashes, restores the same, and is verified', async () => {
    mkdirSync(join(world.source, 'below', 'cache'), { recursive: true });
    mkdirSync(join(world.source, 'empty'));
    world.fill(3, 10_000);
    for (const name of ['x.tmp', 'below/x', 'below/cache/x']) writeFileSync(join(world.source, name), name);
    symlinkSync('below/x', join(world.source, 'link'));
    await world.runAgent({ config });
    await plan('media');
    const backup = await world.backUp('media');
    expect(backup).toMatchObject({
      state: 'completed',
      context: { result: { files: 5, manifest: backup.id }, kept: [], skipped: { count: 0 } },
    });
    expect(left()).toEqual([backup.id, `${backup.id}.sha256`]);
    expect(readdirSync(at(backup.id)).sort()).toEqual(['below', 'empty', 'fill-0', 'fill-1', 'fill-2', 'link']);
    expect(world.runDirectories()).toEqual([]);

    writeFileSync(join(world.source, 'below', 'x'), 'changed since');
    const to = join(world.directory, 'restored');
    expect(await end('restore', { plan: 'media', to })).toMatchObject({ state: 'completed' });
    expect(readFileSync(join(to, 'below', 'x'), 'utf8')).toBe('below/x');
    expect(readFileSync(join(to, 'fill-1'))).toEqual(readFileSync(join(world.source, 'fill-1')));
    expect(readlinkSync(join(to, 'link'))).toBe('below/x');
    const part = join(world.directory, 'part');
    expect(await end('restore', { plan: 'media', to: part, include: ['below'] })).toMatchObject({ state: 'completed' });
    expect([readdirSync(join(part, 'below')), existsSync(join(part, 'fill-0'))]).toEqual([['x'], false]);

    expect(await end('verify', { plan: 'media' })).toMatchObject({
      state: 'completed',
      context: { result: { files: 5 } },
    });
    writeFileSync(at(backup.id, 'below', 'x'), 'below/y');
    rmSync(at(backup.id, 'fill-2'));
    expect(await end('verify', { plan: 'media' })).toMatchObject({
      state: 'failed',
      context: { reason: 'data-corrupt', message: expect.stringMatching(/in 2 files: .*(below\/x|fill-2)/) },
    });
  });

  test('a cancel leaves nothing; a suspended copy goes on, over what was cut off, and is proved', async () => {
    world.fill(2, 6_000_000);
    await world.runAgent({ config });
    await plan('media');
    const copying = (id: string) =>
      eventually('a file under way', () => existsSync(at(id)) && readdirSync(at(id)).length > 0);
    const id = await world.start('media');
    await copying(id);
    await world.ask('backup.cancel', { id });
    expect(await world.ending(id)).toMatchObject({ state: 'cancelled', context: { kept: [] } });
    expect([world.workers(), left(), world.runDirectories()]).toEqual([[], [], []]);

    const other = await world.start('media');
    await copying(other);
    await world.ask('backup.suspend', { id: other });
    await world.reached(other, ({ state }) => state === 'suspended');
    expect(world.workers()).toEqual([]);
    await world.ask('backup.resume', { id: other });
    expect(await world.ending(other)).toMatchObject({ state: 'completed', context: { result: { bytes: 12_000_000 } } });
    expect(readFileSync(at(other, 'fill-1'))).toEqual(readFileSync(join(world.source, 'fill-1')));
    expect(await world.catalogued()).toEqual([other]);
  });

  test('files that it may not read make the backup partial, and are listed', async ({ skip }) => {
    const under = withoutPowers();
    if (typeof under === 'string') return skip(under);
    world.fill(2, 1_000);
    mkdirSync(join(world.source, 'closed'));
    for (const name of ['fill-1', 'closed']) chmodSync(join(world.source, name), 0);
    world.onClose(() => chmodSync(join(world.source, 'closed'), 0o700));
    await world.runAgent({ config, under });
    await plan('media');
    const backup = await world.backUp('media');
    expect(backup).toMatchObject({
      state: 'partial',
      context: { reason: 'files-skipped', result: { files: 1 }, skipped: { count: 2 }, kept: [] },
    });
    expect((backup.context.skipped as { first: { path: string; why: string }[] }).first).toContainEqual(
      expect.objectContaining({ path: 'fill-1', why: 'unreadable' }),
    );
  });
});
