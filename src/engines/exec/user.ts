/** The user that a command runs as: what it must own to write its output. */
import { chown } from 'node:fs/promises';
import { callHelper } from '../../runner/helper-call.ts';
import type { EngineScope } from '../engine.ts';
import { permanent } from '../failures.ts';

/** Gives a directory to a user, whom the system's own database knows. Rejects with a FailureError. */
export async function giveTo(user: string, path: string, { key }: Pick<EngineScope, 'key'>): Promise<void> {
  if (process.getuid?.() !== 0)
    throw permanent('engine-failed', `an exec with user ${user} needs an agent that is root`, 'leave out `user`');
  const { signal } = new AbortController(); // its time is bounded all the same
  const call = { what: `the look-up of user ${user}`, command: '/usr/bin/getent', args: ['passwd', '--', user] };
  const { code, stdout } = await callHelper({ ...call, token: key, signal });
  const [, , uid, gid] = stdout.split(':');
  if (code !== 0 || !uid || !gid)
    throw permanent('engine-failed', `there is no user ${user} on this host`, 'name one that is there');
  await chown(path, Number(uid), Number(gid));
}
