/** What of a scope is restic's: the plan's engine and the repository. */
import type { EngineConfigOf } from '../../domain/engine-config.ts';
import type { RepositoryConfigOf } from '../../domain/repository-config.ts';
import type { EngineScope } from '../engine.ts';

export type ResticRepository = RepositoryConfigOf<'restic'>;

export function planOf({ run }: Pick<EngineScope, 'run'>): EngineConfigOf<'restic'> {
  const { engine } = run.document;
  if (engine.type !== 'restic') throw new Error(`the engine restic got a plan for ${engine.type}`);
  return engine;
}

export function resticRepositoryOf({ repository }: Pick<EngineScope, 'repository'>): ResticRepository {
  if (repository.type !== 'restic') throw new Error(`the engine restic has no repository of type ${repository.type}`);
  return repository;
}
