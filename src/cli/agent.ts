/** `reeve agent`, as the composition root hands it to the command line. */
import { AnswerError } from '../core/answer-error.ts';
import type { AgentOptions, Environment } from './environment.ts';

export async function agent(_options: AgentOptions, _environment: Environment): Promise<number> {
  throw new AnswerError('internal', '`reeve agent` is not in this build', 'use a later one');
}
