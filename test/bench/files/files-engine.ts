/** The engine `files` as the agent runs it: a job file for each process; a backup is one process and its commit another. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { engineCommand, engineVariables } from '../../../src/engines/files/command.ts';
import type { EngineEvent, EngineResultOf } from '../../../src/engines/files/events.ts';
import type { Job } from '../../../src/engines/files/job.ts';
import { engineEnvironment } from '../../../src/runner/engine-environment.ts';
import { backupJob } from '../../engines/files/engine-process.ts';
import type { Contender } from './contender.ts';
import { measure, together, type Usage } from './measured-process.ts';
import { remove } from './scratch.ts';

export class FilesEngine implements Contender {
  readonly name = 'files';
  readonly repository: string;
  readonly #directory: string;
  #runs = 0;
  #previous: { files: number; bytes: number } | null = null;

  constructor(directory: string) {
    this.#directory = directory;
    this.repository = join(directory, 'files-repository');
  }

  /** Runs once aside, for what Node compiles on a machine's first run. (The first backup makes the repository.) */
  async prepare(): Promise<void> {
    const [source, repository] = [join(this.#directory, 'first-source'), join(this.#directory, 'first-repository')];
    mkdirSync(source, { recursive: true });
    writeFileSync(join(source, 'file'), 'content');
    const run = 'first-run';
    const { result } = await this.#run({ ...backupJob(run, source, repository), previous: null });
    const { manifest, outcome } = result as EngineResultOf<'backup'>;
    await this.#run({ task: 'commit', run, repository, manifest, outcome: outcome as 'completed' });
    await this.#run({
      task: 'restore',
      repository,
      backup: run,
      to: join(this.#directory, 'first-restore'),
      include: [],
    });
    await remove(source, repository, join(this.#directory, 'first-restore'));
  }

  async backUp(source: string): Promise<Usage> {
    this.#runs += 1;
    const { repository } = this;
    const run = `run-${this.#runs}`;
    const job = { ...backupJob(run, source, repository), previous: this.#previous };
    const backup = await this.#run(job);
    const { manifest, outcome, skipped, files, bytes } = backup.result as EngineResultOf<'backup'>;
    if (outcome !== 'completed' || skipped.count > 0) throw new Error(`the backup ${run} is ${outcome}`);
    this.#previous = { files, bytes };
    const commit = await this.#run({ task: 'commit', run, repository, manifest, outcome });
    return together(backup.usage, commit.usage);
  }

  async restore(to: string): Promise<Usage> {
    const { repository } = this;
    const { usage } = await this.#run({ task: 'restore', repository, backup: `run-${this.#runs}`, to, include: [] });
    return usage;
  }

  restored(to: string): string {
    return to;
  }

  async #run(job: Job) {
    const path = join(this.#directory, `${job.task}-job.json`);
    writeFileSync(path, JSON.stringify(job));
    // What an agent that runs has compiled by then (src/main.ts).
    const added = { ...engineVariables(job.task), NODE_COMPILE_CACHE: join(this.#directory, 'compiled') };
    const env = engineEnvironment(added);
    const { usage, stdout } = await measure(this.#directory, engineCommand(path, job.task), {
      env,
      cwd: this.#directory,
    });
    const last = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as EngineEvent;
    if (last.type !== 'result') throw new Error(`the engine ended with ${JSON.stringify(last)}`);
    return { usage, result: last.result };
  }
}
