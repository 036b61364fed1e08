import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { backupJob, type Engine, failureOfJob, listed, runJob, scratch, startEngine } from './engine-process.ts';
import { noise } from './trees.ts';

/** A backup under way of one file that takes seconds. */
async function runningBackup() {
  const directory = scratch(onTestFinished);
  const [source, repository] = [join(directory, 'source'), join(directory, 'repository')];
  mkdirSync(source);
  writeFileSync(join(source, 'big'), noise(300 * 1024 * 1024, 'stop'));
  const job = { ...backupJob('p-1', source, repository), bytesPerSecond: 100 * 1024 * 1024 };
  const engine = startEngine(directory, job);
  onTestFinished(() => void engine.process.kill('SIGKILL'));
  await eventually('bytes are on their way', () =>
    engine.events.some(event => event.type === 'progress' && (event.progress.bytesDone ?? 0) > 40 * 1024 * 1024),
  );
  return { directory, source, repository, engine };
}

async function endsSoon({ engine }: { engine: Engine }): Promise<void> {
  const asked = performance.now();
  expect((await engine.ended).status).toBe(143);
  // Well under 200 ms on a machine of its own; this one is shared.
  expect(performance.now() - asked).toBeLessThan(1_000);
  expect(engine.events.every(event => event.type === 'progress')).toBe(true);
}

const packBytes = (repository: string) =>
  Number(execFileSync('du', ['-sb', join(repository, 'packs')], { encoding: 'utf8' }).split('\t')[0]);

describe('a backup that is told to stop', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s ends at once, with nothing left but what it stored',
    async signal => {
      const running = await runningBackup();
      running.engine.process.kill(signal);
      await endsSoon(running);
      const left = readdirSync(join(running.repository, 'tmp', 'p-1'));
      expect(left.filter(name => !/^(packs|pack-.*|manifest-.*[.](body|marks))$/.test(name))).toEqual([]);
      expect(await listed(running.repository)).toEqual([]);
      await runJob(running.directory, { task: 'discard', run: 'p-1', repository: running.repository });
      expect(readdirSync(join(running.repository, 'tmp'))).toEqual([]);
    },
  );

  test('while the last of it is being stored ends as politely, and keeps what it has', async () => {
    const directory = scratch(onTestFinished);
    const [source, repository] = [join(directory, 'source'), join(directory, 'repository')];
    mkdirSync(source);
    writeFileSync(join(source, 'small'), noise(5_000, 'stop'));
    const engine = startEngine(directory, backupJob('p-1', source, repository), {
      failpoints: 'frame.before-write=stop@1',
    });
    onTestFinished(() => void engine.process.kill('SIGKILL'));
    const { pid } = engine.process;
    await eventually('it is stopped', () => readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') T '));
    engine.process.kill('SIGTERM');
    engine.process.kill('SIGCONT');
    await endsSoon({ engine });
    expect(await listed(repository)).toEqual([]);
  });

  test('can go on later', async () => {
    const running = await runningBackup();
    running.engine.process.kill('SIGTERM');
    await endsSoon(running);
    const whole = 300 * 1024 * 1024;
    const resumed = await runJob(running.directory, backupJob('p-1', running.source, running.repository));
    expect(resumed.bytesStored).toBeLessThan(whole * 0.95);
    expect(resumed.bytesRead).toBe(whole);
    // Nothing was stored twice, what was under way when it was stopped included.
    expect(packBytes(running.repository)).toBeLessThan(whole * 1.01);
  });
});

test('a backup whose starter is gone goes on, and leaves its result beside its job', async () => {
  const { directory, engine } = await runningBackup();
  engine.process.stdin?.destroy();
  expect((await engine.ended).status).toBe(0);
  expect(JSON.parse(readFileSync(join(directory, 'result.json'), 'utf8'))).toEqual(engine.events.at(-1));
});

test('a backup of much data keeps its memory small', async () => {
  const { engine } = await runningBackup();
  const { readFile } = await import('node:fs/promises');
  const peakKiB = async () =>
    Number(/VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${engine.process.pid}/status`, 'utf8').catch(() => ''))?.[1]);
  let peak = 0;
  await eventually(
    'the backup is done',
    async () => {
      peak = Math.max(peak, (await peakKiB()) || 0);
      return engine.events.at(-1)?.type === 'result';
    },
    50_000,
  );
  expect(peak).toBeGreaterThan(0);
  expect(peak).toBeLessThan(250 * 1024);
});

describe('a job that is none', () => {
  test.each([
    ['no JSON', '{', 'bad job'],
    ['no task', '{}', 'no task'],
    ['a run that is a path', { task: 'discard', run: '../x', repository: '/r' }, "job's run"],
    ['a relative repository', { task: 'verify', backup: 'p-1', repository: 'r' }, "job's repository"],
    ['a source that is none', { ...backupJob('p-1', '/s', '/r'), source: {} }, "job's source"],
  ])('for it has %s ends with status 2 and says what is wrong', async (_, job, message) => {
    const failure = await failureOfJob(scratch(onTestFinished), job);
    expect(failure).toMatchObject({ status: 2, code: 'defect' });
    expect(failure.message).toContain(message);
  });
});

describe('what is not there', () => {
  test('is said with its own code: a backup, a repository, a source', async () => {
    const directory = scratch(onTestFinished);
    const repository = join(directory, 'repository');
    expect(await failureOfJob(directory, { task: 'verify', repository, backup: 'p-1' })).toMatchObject({
      status: 1,
      code: 'repository-unreachable',
    });
    expect(await failureOfJob(directory, backupJob('p-1', join(directory, 'nothing'), repository))).toMatchObject({
      kind: 'permanent',
      code: 'source-missing',
    });
    const unmounted = { ...backupJob('p-1', directory, repository), source: { path: directory, requireMount: true } };
    expect(await failureOfJob(directory, unmounted)).toMatchObject({ code: 'source-missing' });
    // A source that is not there must not leave a repository behind, nor anything in it.
    expect(readdirSync(directory)).not.toContain('repository');
    const orphan = backupJob('p-1', directory, join(directory, 'no', 'parent'));
    expect(await failureOfJob(directory, orphan)).toMatchObject({ code: 'repository-unreachable' });
    await runJob(directory, { task: 'void', run: 'p-1', repository, epoch: 1 });
    expect(await failureOfJob(directory, { task: 'verify', repository, backup: 'p-1' })).toMatchObject({
      code: 'backup-missing',
    });
    expect(await failureOfJob(directory, backupJob('p-1', directory, repository))).toMatchObject({
      code: 'superseded',
    });
  });
});
