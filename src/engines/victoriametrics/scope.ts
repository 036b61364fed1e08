/** What a run's document says to this engine. */
import type { EngineConfigOf } from '../../domain/engine-config.ts';
import type { EngineScope } from '../engine.ts';

export const noneSkipped = { count: 0, first: [], path: null };

export function configOf({ run }: Pick<EngineScope, 'run'>): EngineConfigOf<'victoriametrics'> {
  const { engine } = run.document;
  if (engine.type === 'victoriametrics') return engine;
  throw new Error(`the engine victoriametrics has no plan of engine ${engine.type}`);
}
