/** A scope as a run gives it to the adapter, and a step run without an agent. */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { contextOf } from '../../../machines/run-context.ts';
import { agentConfigOf } from '../../../src/domain/agent-config.ts';
import type { CatalogEntry } from '../../../src/domain/catalog.ts';
import { type Plan, planSchema } from '../../../src/domain/plan.ts';
import { policyOf } from '../../../src/domain/policy.ts';
import { repositoryConfigOf } from '../../../src/domain/repository-config.ts';
import type { Progress, RunContext, RunKind } from '../../../src/domain/run.ts';
import type { EngineScope, EngineStep } from '../../../src/engines/engine.ts';
import { engineEnvironment } from '../../../src/runner/engine-environment.ts';
import { RunDirectory } from '../../../src/runner/run-directory.ts';

export interface ScopeWish {
  /** Where the agent's data is, and what the run may use. */
  directory: string;
  repository: Parameters<typeof repositoryConfigOf>[0];
  task?: RunKind;
  id?: string;
  /** The plan's engine, without its type. */
  engine: { path: string } & Record<string, unknown>;
  plan?: Partial<Plan>;
  run?: Partial<RunContext>;
  /** The backup that a restore or verify works on. */
  backup?: Partial<CatalogEntry>;
  previous?: { files: number; bytes: number } | null;
}

export async function scopeFor(wish: ScopeWish): Promise<EngineScope> {
  const { directory, repository, task = 'backup', id = 'run-1', engine, plan = {}, run = {} } = wish;
  const document = planSchema.parse({
    name: 'docs',
    engine: { type: 'restic', ...engine },
    repository: 'main',
    ...plan,
  });
  const input = {
    id,
    task,
    agent: 'here',
    document,
    planRevision: 1,
    policy: policyOf(document),
    restore: null,
    at: 0,
  };
  const data = join(directory, 'data');
  const runDirectory = new RunDirectory(data, id);
  mkdirSync(runDirectory.path, { recursive: true });
  return {
    run: { ...contextOf(input), ...run },
    key: `${id}:1`,
    repository: repositoryConfigOf(repository),
    config: agentConfigOf({ name: 'here', data }),
    directory: runDirectory,
    backup: async () => wish.backup as CatalogEntry,
    previous: async () => (wish.previous ? { ...wish.previous, manifest: '' } : null),
  };
}

export interface RanStep<Output> {
  output: Output;
  /** Of the process. */
  argv: readonly string[];
  progress: Progress[];
}

/** Runs the process of a step to its end, `under` another command where it is given. Rejects with the step's failure. */
export async function runStep<Output>(
  step: EngineStep<Output>,
  under: readonly string[] = [],
): Promise<RanStep<Output>> {
  const { command, args, env = {} } = await step.order();
  const argv = [...under, command, ...args];
  const child = spawn(argv[0] as string, argv.slice(1), {
    env: engineEnvironment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const progress: Progress[] = [];
  let stderrTail = '';
  createInterface(child.stdout).on('line', line => {
    const heard = step.hear?.(line);
    if (heard) progress.push(heard);
  });
  createInterface(child.stderr).on('line', line => {
    step.hearError?.(line);
    stderrTail += `${line}\n`;
  });
  const end = await new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  return {
    output: await step.outcome({ ...end, why: null, oomKilled: false, stderrTail: stderrTail.trim() }),
    argv,
    progress,
  };
}
