/** The first backup of `reeve up`: a plan for the directory, a run of it with a live bar, and what can be done next. */
import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import process from 'node:process';
import type { Environment, UpOptions } from '../cli/environment.ts';
import { nextSteps } from '../cli/next-steps.ts';
import { endingLines } from '../cli/run-follow.ts';
import { stateDirectory } from '../cli/state-directory.ts';
import { waitForEnd } from '../cli/wait.ts';
import { AnswerError } from '../core/answer-error.ts';
import { isName, nameLengthMax } from '../core/ids.ts';
import { printable } from '../core/printable.ts';
import { sourcePathOf } from '../domain/engine-config.ts';
import type { Plan } from '../domain/plan.ts';
import type { Client } from '../nats/client.ts';

export interface FirstBackup {
  client: Client;
  /** Name of the agent that runs it. */
  agent: string;
  source: { path: string; exclude: string[] };
  options: UpOptions;
  environment: Environment;
  say: (...lines: string[]) => void;
  /** Aborted when everything is to end: then nobody waits for the backup any more. */
  stopping: AbortSignal;
}

export async function firstBackup({ stopping, ...first }: FirstBackup): Promise<void> {
  const { client, source, options, environment, say } = first;
  const repository = join(options.data, 'repository');
  const plan = await putPlan(first, repository);
  say(`backing up ${printable(source.path)} into ${printable(repository)}`);
  const { id } = await client.request('backup.start', { plan, note: 'reeve up' });
  const waited = await waitForEnd(client, { kind: 'backup', id: String(id) }, stoppedBy(stopping, environment), {
    timeoutMs: undefined,
    label: plan,
  });
  if (waited.ended) say(...endingLines(waited.ended));
  if (stopping.aborted) return;
  const completed = waited.ended?.state === 'completed' || waited.ended?.state === 'partial';
  const { variables, home, platform } = environment;
  const isFound = options.nats === undefined && options.data === stateDirectory(platform, home, variables);
  const steps = nextSteps({
    plan,
    backup: completed ? String(id) : undefined,
    repository,
    nats: client.shownUrl,
    isFound,
    prefix: options.prefix,
    command: variables.npm_lifecycle_event === undefined ? 'reeve' : 'npx reeve',
  });
  environment.stdout.write(`${steps.join('\n')}\n`);
}

/** The name of the directory's plan. One that is there for it stays as it is: somebody may have changed it since. */
async function putPlan({ client, agent, source, options, say }: Omit<FirstBackup, 'stopping'>, repository: string) {
  const short = planName(source.path);
  const hash = createHash('sha256').update(source.path).digest('hex').slice(0, 4);
  const long = `${short.slice(0, nameLengthMax - 5).replace(/-$/, '')}-${hash}`;
  for (const name of [short, long]) {
    const there = await planOf(client, name);
    if (there && sourcePathOf(there.engine) !== source.path) continue;
    const plan: Plan = there ?? {
      name,
      engine: { type: 'files', path: source.path, ...(source.exclude.length > 0 && { exclude: source.exclude }) },
      repository: { path: repository },
      // Whoever ends `up` by Ctrl-C ends all of it.
      onDrain: 'suspend',
      // On a server of its own there is no other agent, and this one's name may change with the host's.
      ...(options.nats !== undefined && { placement: { agent } }),
      ...(process.getuid?.() !== 0 && { tolerate: { unreadable: 'any' as const } }),
    };
    const { warnings } = await client.request('plan.put', { ...plan, ...(there && { dryRun: true }) });
    for (const warning of Array.isArray(warnings) ? warnings : []) say(`warning: ${printable(String(warning))}`);
    return name;
  }
  throw new AnswerError(
    'conflict',
    `the plans ${short} and ${long} are there for other directories`,
    'put a plan for this one with reeve apply',
  );
}

async function planOf(client: Client, name: string): Promise<Plan | undefined> {
  try {
    const {
      ok: _ok,
      revision: _revision,
      paused: _paused,
      overdue: _overdue,
      ...plan
    } = await client.request('plan.get', { name });
    return plan as Plan;
  } catch (error) {
    if (error instanceof AnswerError && error.code === 'not-found') return undefined;
    throw error;
  }
}

/** The same environment, where the wait also ends by any other signal. */
function stoppedBy(stopping: AbortSignal, environment: Environment): Environment {
  return {
    ...environment,
    onInterrupt(interrupted) {
      if (stopping.aborted) interrupted();
      stopping.addEventListener('abort', interrupted, { once: true });
      return () => stopping.removeEventListener('abort', interrupted);
    },
  };
}

/** A plan's name from a directory's: `/srv/My Photos` is `my-photos`. */
function planName(path: string): string {
  const name = basename(path)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, nameLengthMax)
    .replace(/^-+|-+$/g, '');
  return isName(name) ? name : 'root';
}
