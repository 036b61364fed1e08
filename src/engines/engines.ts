/** The engines by the names that plans use. */
import type { EngineType } from '../domain/engine-config.ts';
import type { Engine } from './engine.ts';
import { filesEngine } from './files/engine.ts';
import { victoriaMetricsEngine } from './victoriametrics/engine.ts';

const engines: Readonly<Partial<Record<EngineType, Engine>>> = {
  files: filesEngine,
  victoriametrics: victoriaMetricsEngine,
};

/** The adapter of a plan's engine. Throws where this version has none. */
export function engineOf({ engine }: { engine: { type: EngineType } }): Engine {
  const found = engines[engine.type];
  if (!found) throw new Error(`this version has no engine ${engine.type}`);
  return found;
}
