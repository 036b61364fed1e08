/** What `reeve check` looks at for rclone: the tool, that its remote answers, and the places on this host. */
import { failureOf } from '../../core/failure.ts';
import type { Check, EngineScope } from '../engine.ts';
import { checkPlaces } from '../place-checks.ts';
import { exitNotFound } from './facts.ts';
import { call, planDirectory } from './remote.ts';

export async function checkRclone(scope: EngineScope, signal: AbortSignal): Promise<Check[]> {
  const tool = await told('rclone', async () => {
    const { stdout } = await call(scope, { what: 'the version of rclone', args: ['version'], signal });
    return stdout.split('\n')[0] ?? '';
  });
  const remote = await told('remote', async () => {
    const args = ['lsf', '--max-depth', '1', '--retries', '1', '--low-level-retries', '1', planDirectory(scope)];
    // A plan without a backup has no directory there yet.
    await call(scope, { what: 'the question to the remote', args, signal, alsoFine: exitNotFound });
    return `${planDirectory(scope)} answers`;
  });
  return [tool, ...(tool.ok ? [remote] : []), ...(await checkPlaces(scope))];
}

async function told(name: string, look: () => Promise<string>): Promise<Check> {
  try {
    return { name, ok: true, message: await look(), hint: '' };
  } catch (error) {
    const { message, hint } = failureOf(error);
    return { name, ok: false, message, hint };
  }
}
