/** A tree of 100 MiB with everything odd in it, through a real agent and by the command line, there and back. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { allocatedKiB, describeTree, makeOddTree } from '../engines/files/trees.ts';
import { runCommand } from '../support/command-line.ts';
import { tellMeasured } from '../support/measured.ts';
import { World } from '../support/world.ts';

const MiB = 1024 * 1024;

let world: World;
beforeAll(async () => {
  world = await World.open();
  makeOddTree(world.source, 100 * MiB);
});
afterAll(() => world?.close());

async function reeve(...words: string[]): Promise<string> {
  const since = performance.now();
  const { status, stdout, stderr } = await runCommand(world.server.url, ...words);
  expect({ words, status, stderr: status === 0 ? '' : stderr }).toEqual({ words, status: 0, stderr: '' });
  tellMeasured(`reeve ${words[0]} of the odd tree of 100 MiB`, performance.now() - since);
  return stdout;
}

test('it comes back the same: modes, owners, times to the microsecond, links, names, sparse and empty files', async () => {
  const tree = describeTree(world.source);
  await world.runAgent();
  await world.plan('odd');
  const id = (await reeve('backup', 'odd', '--wait')).trim().split('\n')[0] ?? '';
  const { state, context } = await world.record(id);
  expect({ state, skipped: context.skipped }).toEqual({
    state: 'completed',
    skipped: { count: 0, first: [], path: null },
  });
  const { bytes, bytesStored } = context.result as { bytes: number; bytesStored: number };
  expect(bytes).toBeGreaterThan(210 * MiB);
  expect(bytesStored).toBeGreaterThan(100 * MiB);
  expect(bytesStored).toBeLessThan(102 * MiB);

  const to = join(world.directory, 'restored');
  await reeve('restore', '--plan', 'odd', '--to', to, '--wait');
  const restored = describeTree(to);
  expect([...restored.keys()]).toEqual([...tree.keys()]);
  expect(restored).toEqual(tree);
  for (const name of ['sparse', 'all-hole']) {
    expect(allocatedKiB(join(world.source, name))).toBeLessThan(1_024);
    expect(allocatedKiB(join(to, name))).toBeLessThan(1_024);
  }
  // What the tree must have had in it for this to say anything.
  const all = [...tree].map(([path, each]) => ({ path, ...each }));
  expect(all.filter(({ type }) => type === 'symlink').length).toBeGreaterThan(3);
  expect(all.some(({ names }) => names.split('\0').length === 3)).toBe(true);
  expect(all.some(({ path, type }) => path === 'empty' && type === 'directory')).toBe(true);
  expect(all.some(({ path }) => /[^\n]\n/.test(path))).toBe(true);
  expect(all.some(({ path }) => path.includes('\xff'))).toBe(true);
  expect(all.some(({ path }) => path.length === 255)).toBe(true);
  expect(all.some(({ type, size }) => type === 'file' && size === '0')).toBe(true);
  expect(all.some(({ mtime }) => !mtime.endsWith('000'))).toBe(true);

  await reeve('verify', id, '--wait');
  const { backups } = await world.ask('catalog.list');
  expect(backups).toMatchObject([{ id, outcome: 'completed', verifiedAt: expect.any(String) }]);
});
