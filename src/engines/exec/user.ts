/** The user that a command runs as: what it must own to write its output, and what it finds in its environment. */
import { chown } from 'node:fs/promises';
import { callHelper } from '../../runner/helper-call.ts';
import type { EngineScope } from '../engine.ts';
import { permanent } from '../failures.ts';

export interface User {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

/** A user as the system's own database knows it. Rejects with a FailureError, also where the agent is not root. */
export async function userOf(name: string, { key }: Pick<EngineScope, 'key'>): Promise<User> {
  if (process.getuid?.() !== 0)
    throw permanent('engine-failed', `an exec with user ${name} needs an agent that is root`, 'leave out `user`');
  const { signal } = new AbortController(); // its time is bounded all the same
  const call = { what: `the look-up of user ${name}`, command: '/usr/bin/getent', args: ['passwd', '--', name] };
  const { code, stdout } = await callHelper({ ...call, token: key, signal });
  const [, , uid, gid, , home] = stdout.split(':');
  if (code !== 0 || !uid || !gid)
    throw permanent('engine-failed', `there is no user ${name} on this host`, 'name one that is there');
  return { name, uid: Number(uid), gid: Number(gid), home: home || '/' };
}

export async function giveTo({ uid, gid }: User, path: string): Promise<void> {
  await chown(path, uid, gid);
}

/** The agent's own would lead it to files that it may not read. */
export function environmentOf({ name, home }: User): Record<string, string> {
  return { HOME: home, USER: name, LOGNAME: name };
}
