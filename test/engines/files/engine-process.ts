/** Runs the engine as the process that it is, for tests: jobs in, events out, and what it left behind. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engineCommand } from '../../../src/engines/files/command.ts';
import type { EngineEvent, EngineResult, EngineResultOf } from '../../../src/engines/files/events.ts';
import type { Job, JobOf } from '../../../src/engines/files/job.ts';
import { listBackups } from '../../../src/repository/backup-list.ts';
import { openRepository } from '../../../src/repository/repository.ts';
import { eventually } from '../../support/eventually.ts';

/** A new directory, gone when the test is over. */
export function scratch(onEnd: (clean: () => void) => void): string {
  const path = mkdtempSync(join(tmpdir(), 'reeve-files-'));
  onEnd(() => {
    // Trees of the tests have directories that keep their own owner out.
    if (process.getuid?.() !== 0) spawnSync('chmod', ['-R', 'u+rwx', path]);
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

export interface Engine {
  process: ChildProcess;
  events: EngineEvent[];
  ended: Promise<{ status: number | null; signal: NodeJS.Signals | null; stderr: string }>;
}

export function startEngine(directory: string, job: unknown, options: { failpoints?: string } = {}): Engine {
  const path = join(directory, `job-${randomUUID()}.json`);
  writeFileSync(path, typeof job === 'string' ? job : JSON.stringify(job));
  const [command, ...args] = engineCommand(path);
  const env = { ...process.env, REEVE_FAILPOINTS: options.failpoints ?? '' };
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env });
  const events: EngineEvent[] = [];
  let [text, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', part => {
    const lines = (text + part).split('\n');
    text = lines.pop() ?? '';
    events.push(...lines.map(line => JSON.parse(line) as EngineEvent));
  });
  child.stderr.setEncoding('utf8').on('data', part => {
    stderr += part;
  });
  const ended = new Promise<Awaited<Engine['ended']>>(resolve => {
    child.once('close', (status, signal) => resolve({ status, signal, stderr }));
  });
  return { process: child, events, ended };
}

/** Runs a job to its end and answers its result; throws where it ended otherwise. */
export async function runJob<Task extends Job['task']>(
  directory: string,
  job: JobOf<Task>,
): Promise<Extract<EngineResult, { task: Task }>> {
  const engine = startEngine(directory, job);
  const { status, stderr } = await engine.ended;
  const last = engine.events.at(-1);
  if (status !== 0 || last?.type !== 'result') throw new Error(`${status}: ${JSON.stringify(last)} ${stderr}`);
  return last.result as Extract<EngineResult, { task: Task }>;
}

/** The failure that a job ends with. */
export async function failureOfJob(directory: string, job: unknown) {
  const engine = startEngine(directory, job);
  const { status, stderr } = await engine.ended;
  const last = engine.events.at(-1);
  if (last?.type !== 'failure') throw new Error(`${status}: ${JSON.stringify(last)} ${stderr}`);
  return { status, ...last.failure };
}

export function backupJob(run: string, source: string, repository: string): JobOf<'backup'> {
  return {
    task: 'backup',
    run,
    plan: 'p',
    source: { path: source },
    repository,
    excludeDirs: [],
    tolerate: { vanished: 'any', changed: 'any', unreadable: 0 },
    guard: { minFiles: 0, maxShrinkPercent: 50 },
    previous: null,
  };
}

/** A backup and its commit, each by a process. */
export async function backUpAndCommit(
  directory: string,
  run: string,
  source: string,
  repository: string,
): Promise<EngineResultOf<'backup'>> {
  const result = await runJob(directory, backupJob(run, source, repository));
  const { manifest, outcome } = result;
  await runJob(directory, { task: 'commit', run, repository, manifest, outcome });
  return result;
}

/** Resolves once the kernel says that the process is stopped, as by SIGSTOP. */
export async function isStopped(child: ChildProcess): Promise<void> {
  const { readFile } = await import('node:fs/promises');
  await eventually(`process ${child.pid} is stopped`, async () => {
    const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8').catch(() => '');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
  });
}

/** The ids of the backups that exist, newest first. */
export async function listed(repository: string): Promise<string[]> {
  return (await listBackups(await openRepository(repository))).backups.map(backup => backup.id);
}
