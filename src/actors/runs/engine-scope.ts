/** What an engine's adapter is told of a run. */
import type { RunEffectInput } from '../../../machines/run-effects.ts';
import type { EngineScope } from '../../engines/engine.ts';
import { permanent } from '../../engines/failures.ts';
import { runToken } from '../../runner/run-token.ts';
import type { AgentParts } from '../agent-parts.ts';
import { repositoryOf } from '../plans/places.ts';
import { withScratch } from './scratch.ts';

/** The run's directory is there once this resolves; what NATS has to say is asked for where it is needed. */
export async function scopeOf(
  { run, key }: RunEffectInput,
  parts: AgentParts,
  signal: AbortSignal,
): Promise<EngineScope> {
  const { config, engineRuns, entries } = parts;
  return {
    run: withScratch(run, config),
    key: runToken(config.data, key),
    repository: repositoryOf(run.document, config),
    config,
    directory: await engineRuns.directory(run.id),
    backup: async () => {
      const id = run.restore?.backup ?? '';
      const entry = await entries.get(id, signal);
      if (entry && !entry.deleting) return entry;
      throw permanent(
        'data-corrupt',
        entry ? `backup ${id} is being deleted` : `the catalog has no backup ${id}`,
        'see what can be restored with: reeve backups',
      );
    },
    previous: async () => {
      const backups = await entries.list(run.plan, signal);
      const last = backups.find(each => each.outcome === 'completed' && !each.deleting && each.id !== run.id);
      return last ? { files: last.files, bytes: last.bytes, manifest: last.manifest } : null;
    },
  };
}
