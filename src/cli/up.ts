/** `reeve up`, as the composition root hands it to the command line. */
import { AnswerError } from '../core/answer-error.ts';
import type { Environment, UpOptions } from './environment.ts';

export async function up(_options: UpOptions, _environment: Environment): Promise<number> {
  throw new AnswerError('internal', '`reeve up` is not in this build', 'use a later one');
}
