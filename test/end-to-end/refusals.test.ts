/** What cannot be done is said clearly, the agent goes on, and the last backup stays whole. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, type TestContext, test } from 'vitest';
import { describeTree, noise } from '../engines/files/trees.ts';
import type { TestAgent } from '../support/agent.ts';
import { runCommand } from '../support/command-line.ts';
import { World } from '../support/world.ts';

let world: World;
let agent: TestAgent;
beforeEach(async () => {
  world = await World.open();
  world.fill(3, 100_000);
  agent = await world.runAgent();
});
afterEach(() => world?.close());

/** The agent answers, and a backup restores what the tree was. */
async function expectIntact(id: string, tree: ReturnType<typeof describeTree>, plan = 'docs'): Promise<void> {
  expect(await world.catalogued()).toEqual([id]);
  const to = join(world.directory, 'restored');
  const restore = await world.ask('restore.start', { plan, to });
  expect(await world.ending(String(restore.id), 'restore')).toMatchObject({ state: 'completed' });
  expect(describeTree(to)).toEqual(tree);
  expect(agent.log.filter(({ fact }) => fact === 'defect')).toEqual([]);
  expect((await world.ask('agent.list')).agents).toMatchObject([{ mode: 'running' }]);
}

async function firstBackup() {
  await world.plan('docs');
  const { id, state } = await world.backUp('docs');
  expect(state).toBe('completed');
  return { id, tree: describeTree(world.source) };
}

/** Mounts a small file system; where this machine does not let us the test is skipped, loudly, and never in CI. */
function mount(context: TestContext, path: string, options: string): void {
  mkdirSync(path);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { stdio: 'pipe' });
  } catch (error) {
    if (process.env.CI) throw new Error(`CI must run this test: ${String(error)}`);
    process.stderr.write(`SKIPPED: no file system could be mounted: ${String(error)}\n`);
    context.skip('mounting needs root');
  }
  world.onClose(() => execFileSync('umount', [path]));
}

test('an unknown command is not found, and the nearest one is named', async () => {
  const { code, message, hint } = await world.refusal('backup.strat', { plan: 'docs' });
  expect({ code, message }).toMatchObject({ code: 'not-found', message: expect.stringContaining('backup.strat') });
  expect(hint).toContain('backup.start');
});

test('a plan with a bad field is invalid, with its path, and changes nothing', async () => {
  const { id, tree } = await firstBackup();
  const engine = { type: 'files', path: world.source, exlude: ['*.tmp'] };
  const bad = { name: 'docs', engine, repository: { path: world.repository } };
  const { code, message } = await world.refusal('plan.put', bad);
  expect(code).toBe('invalid');
  expect(message).toContain('engine.exlude');
  expect(message).toContain('exclude');
  const negative = { ...bad, engine: { type: 'files', path: world.source }, retry: { attempts: -1 } };
  expect((await world.refusal('plan.put', negative)).message).toContain('retry.attempts');
  expect(await world.ask('plan.get', { name: 'docs' })).not.toHaveProperty('engine.exlude');
  await expectIntact(id, tree);
});

test('a backup of a plan that nobody knows is not found', async () => {
  expect(await world.refusal('backup.start', { plan: 'nope' })).toMatchObject({
    code: 'not-found',
    message: 'there is no plan nope',
  });
});

test('a path that is not there is taken with a warning, and fails the run with source-missing', async () => {
  const { id, tree } = await firstBackup();
  const moved = `${world.source}-moved`;
  renameSync(world.source, moved);
  const { warnings } = await world.plan('docs');
  expect(warnings).toEqual([expect.stringContaining(`the path ${world.source} is not there now`)]);
  const record = await world.backUp('docs');
  expect(record).toMatchObject({ state: 'failed', reason: 'source-missing' });
  expect(record.context.message).toBe(`the source ${world.source} cannot be backed up: it is not there`);
  expect(record.context.hint).toContain('mounted');
  const shown = await runCommand(world.server.url, 'show', record.id);
  expect(shown.stdout).toContain('source-missing');
  renameSync(moved, world.source);
  await expectIntact(id, tree);
});

test('a repository whose place is a file fails the run, and says so', async () => {
  const { id, tree } = await firstBackup();
  const path = join(world.directory, 'a-file');
  writeFileSync(path, 'not a directory');
  await world.plan('other', { repository: { path } });
  const record = await world.backUp('other');
  expect(record).toMatchObject({ state: 'failed', reason: 'repository-unreachable' });
  expect(record.context.message).toContain(path);
  await expectIntact(id, tree);
});

test('a repository that may not be written fails the run, and says so', async context => {
  const { id, tree } = await firstBackup();
  const disk = join(world.directory, 'read-only');
  mount(context, disk, 'ro,size=1m');
  await world.plan('other', { repository: { path: join(disk, 'repository') }, retry: { attempts: 1 } });
  const record = await world.backUp('other');
  expect(record).toMatchObject({ state: 'failed', reason: 'repository-unreachable' });
  expect(record.context.message).toContain(disk);
  expect(record.context.hint).not.toBe('');
  await expectIntact(id, tree);
});

test('a full disk fails the run with repository-full, and the backup before it restores', async context => {
  const disk = join(world.directory, 'disk');
  mount(context, disk, 'size=4m');
  await world.plan('docs', { repository: { path: join(disk, 'repository') } });
  const { id } = await world.backUp('docs');
  const tree = describeTree(world.source);
  writeFileSync(join(world.source, 'too-big'), noise(20_000_000, 'too big'));
  const record = await world.backUp('docs');
  expect(record).toMatchObject({ state: 'failed', reason: 'repository-full', context: { slot: 'void' } });
  expect(record.context.message).toContain(disk);
  await expectIntact(id, tree);
  expect(world.temporary(join(disk, 'repository'))).toEqual([]);
});
