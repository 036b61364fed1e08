/** `restic backup`: one snapshot of the plan's path, tagged with the run. */
import { realpathSync } from 'node:fs';
import { repositoryPathOf } from '../../domain/repository-config.ts';
import type { SkippedFile, TransferOutput } from '../../domain/run.ts';
import type { EngineScope, EngineStep, StepEnd } from '../engine.ts';
import { endedWithout } from '../failures.ts';
import { verdictOf } from '../verdict.ts';
import { resticEnvironment } from './environment.ts';
import { exits, resticCommand } from './facts.ts';
import { resticFailure } from './failures.ts';
import { messageOf, type Summary, skippedOf } from './messages.ts';
import { escaped, patternOf } from './patterns.ts';
import { clearFormer } from './preparation.ts';
import { planOf } from './scope.ts';
import { runTag, snapshotsOfRun } from './snapshots.ts';

/** How many of the files that were left out a run names. */
const firstMax = 20;

export function backupStep(scope: EngineScope): EngineStep<TransferOutput> {
  const path = sourceOf(scope);
  const skipped = new SkippedFiles(path);
  let summary: Summary | undefined;
  return {
    order: async () => {
      await clearFormer(scope);
      return { command: resticCommand, args: argumentsOf(scope, path), env: await resticEnvironment(scope) };
    },
    hear: line => {
      const message = messageOf(line);
      if (message && 'progress' in message) return message.progress;
      if (message) summary = message.summary;
      return undefined;
    },
    hearError: line => void skipped.hear(line),
    outcome: async end => {
      if (end.code !== exits.done && end.code !== exits.unreadable) throw await resticFailure(scope, end);
      if (!summary) throw endedWithout(end, 'said no summary');
      skipped.complete(end);
      return await outputOf(scope, summary, skipped);
    },
  };
}

/** The directory that the path leads to: of a path that is a link, restic would store the link alone. */
function sourceOf(scope: EngineScope): string {
  const { path } = planOf(scope);
  try {
    return realpathSync(path);
  } catch {
    return path; // gone by now, which restic says too
  }
}

function argumentsOf(scope: EngineScope, path: string): string[] {
  const { run, config } = scope;
  const { host, tags = [], exclude = [] } = planOf(scope);
  const { bytesPerSecond, runs } = config.limits;
  // Each run has its share, so that as many as may run at once keep to the limit together.
  const kibPerSecond = bytesPerSecond === null ? null : Math.max(1, Math.floor(bytesPerSecond / runs / 1024));
  return [
    'backup',
    '--json',
    `--host=${host ?? config.name}`,
    ...[runTag(run.id), ...tags].map(tag => `--tag=${tag}`),
    ...exclude.map(glob => `--exclude=${patternOf(path, glob)}`),
    ...ownPlaces(scope).map(place => `--exclude=${escaped(place)}`),
    ...(run.rescan ? ['--force'] : []),
    ...(kibPerSecond === null ? [] : [`--limit-upload=${kibPerSecond}`]),
    '--',
    path,
  ];
}

/** What grows while it is backed up: the agent's own data, and a repository that lies in the source. */
function ownPlaces({ config, repository }: EngineScope): string[] {
  const place = repositoryPathOf(repository);
  return place === undefined ? [config.data] : [config.data, place];
}

async function outputOf(scope: EngineScope, summary: Summary, skipped: SkippedFiles): Promise<TransferOutput> {
  const found = { files: summary.total_files_processed, bytes: summary.total_bytes_processed };
  const { guard, tolerate } = scope.run.policy;
  const expected = { source: planOf(scope).path, guard, tolerate, previous: await scope.previous() };
  return {
    ...verdictOf(expected, found, { vanished: skipped.vanished, changed: 0, unreadable: skipped.unreadable }),
    result: { ...found, bytesStored: summary.data_added, position: null, manifest: await wholeId(scope, summary) },
    skipped: { count: skipped.vanished + skipped.unreadable, first: skipped.first, path: null },
  };
}

/** The id in full, which old versions do not say; null where there is none, which `prove` tells. */
async function wholeId(scope: EngineScope, { snapshot_id: id }: Summary): Promise<string | null> {
  if (id.length === 64) return id;
  const made = await snapshotsOfRun(scope, new AbortController().signal);
  return made.find(snapshot => snapshot.id.startsWith(id))?.id ?? null;
}

/** What could not be read. The counts are of this attempt: what is heard is heard from its first line on. */
class SkippedFiles {
  readonly first: SkippedFile[] = [];
  vanished = 0;
  unreadable = 0;
  readonly #source: string;

  constructor(source: string) {
    this.#source = source;
  }

  hear(line: string): void {
    const file = skippedOf(line, this.#source);
    if (!file) return;
    this[file.why === 'vanished' ? 'vanished' : 'unreadable'] += 1;
    if (this.first.length < firstMax) this.first.push(file);
  }

  /** Its status is the proof that something is missing, also where its words were lost; their end may still be there. */
  complete({ code, stderrTail }: StepEnd): void {
    if (code !== exits.unreadable || this.first.length > 0) return;
    for (const line of stderrTail.split('\n')) this.hear(line);
    if (this.first.length === 0) this.unreadable = 1;
  }
}
