/** What `reeve check` looks at for the built-in engine: its places, and that its source is mounted where it must be. */
import { FailureError } from '../../core/failure.ts';
import type { FilesEngineConfig } from '../../domain/engine-config.ts';
import type { Check, EngineScope } from '../engine.ts';
import { checkPlaces } from '../place-checks.ts';
import { openSource } from './source.ts';

export async function checkFiles(scope: Pick<EngineScope, 'run' | 'repository'>): Promise<Check[]> {
  const { path, requireMount = false } = scope.run.document.engine as FilesEngineConfig;
  const places = await checkPlaces(scope);
  return requireMount ? [...places, await checkMount(path)] : places;
}

async function checkMount(path: string): Promise<Check> {
  const name = 'mount';
  try {
    await openSource({ path, requireMount: true });
    return { name, ok: true, message: `something is mounted at ${path}`, hint: '' };
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    return { name, ok: false, message: error.failure.message, hint: error.failure.hint };
  }
}
