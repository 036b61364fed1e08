/** The engines by the names that plans use. */
import { AnswerError } from '../core/answer-error.ts';
import type { EngineType } from '../domain/engine-config.ts';
import type { Engine } from './engine.ts';
import { filesEngine } from './files/engine.ts';

const engines: Readonly<Partial<Record<EngineType, Engine>>> = { files: filesEngine };

/** The adapter of a plan's engine. Throws `invalid` where this version has none. */
export function engineOf({ engine }: { engine: { type: EngineType } }): Engine {
  const found = engines[engine.type];
  if (!found)
    throw new AnswerError(
      'invalid',
      `this version has no engine ${engine.type}`,
      `there are: ${Object.keys(engines).join(', ')}`,
    );
  return found;
}
