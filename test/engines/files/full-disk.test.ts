import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { backUpAndCommit, backupJob, failureOfJob, listed, runJob, scratch } from './engine-process.ts';
import { describeTree, noise } from './trees.ts';

/** Mounts a small file system; says why not, where this machine does not let us. */
function mountSmall(path: string): string | null {
  try {
    mkdirSync(path);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', path], { stdio: 'pipe' });
    onTestFinished(() => void execFileSync('umount', [path]));
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

test('a full disk fails the run for good, and the backup before it restores', async context => {
  const directory = scratch(onTestFinished);
  const disk = join(directory, 'disk');
  const refused = mountSmall(disk);
  if (refused !== null) {
    if (process.env.CI) throw new Error(`CI must run this test: ${refused}`);
    process.stderr.write(`SKIPPED: no small file system could be mounted: ${refused}\n`);
    return context.skip('mounting needs root');
  }
  const [source, repository] = [join(directory, 'source'), join(disk, 'repository')];
  mkdirSync(source);
  writeFileSync(join(source, 'small'), noise(1_000_000, 'small'));
  await backUpAndCommit(directory, 'p-1', source, repository);
  const before = describeTree(source);
  writeFileSync(join(source, 'too-big'), noise(20_000_000, 'too big'));
  expect(await failureOfJob(directory, backupJob('p-2', source, repository))).toMatchObject({
    status: 1,
    kind: 'permanent',
    code: 'repository-full',
  });
  // The end of the run can still be said: what was being written made room.
  await runJob(directory, { task: 'discard', run: 'p-2', repository });
  await runJob(directory, { task: 'void', run: 'p-2', repository, epoch: 1 });
  expect(await listed(repository)).toEqual(['p-1']);
  await runJob(directory, { task: 'restore', repository, backup: 'p-1', to: join(directory, 'out'), include: [] });
  expect(describeTree(join(directory, 'out')).get('small')).toEqual(before.get('small'));
});
