/** The engines by the names that plans use. */
import type { EngineType } from '../domain/engine-config.ts';
import type { Engine } from './engine.ts';
import { execEngine } from './exec/engine.ts';
import { filesEngine } from './files/engine.ts';
import { rcloneEngine } from './rclone/engine.ts';
import { resticEngine } from './restic/engine.ts';
import { victoriaMetricsEngine } from './victoriametrics/engine.ts';

const engines: Readonly<Record<EngineType, Engine>> = {
  files: filesEngine,
  exec: execEngine,
  rclone: rcloneEngine,
  restic: resticEngine,
  victoriametrics: victoriaMetricsEngine,
};

/** The adapter of a plan's engine. */
export function engineOf({ engine }: { engine: { type: EngineType } }): Engine {
  return engines[engine.type];
}
