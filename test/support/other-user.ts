/** For tests that start processes of another user, which takes root, Linux and setpriv: elsewhere they are skipped, loudly. */
import { execFileSync } from 'node:child_process';
import { missingTools } from './tools.ts';

export interface OtherUser {
  name: string;
  uid: number;
  gid: number;
}

/** The user `nobody`; undefined where no process of it can be started here. */
export function otherUser(): OtherUser | undefined {
  const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
  if (isRoot && missingTools(['setpriv']).length === 0) {
    const [uid = 0, gid = 0] = ['-u', '-g'].map(what =>
      Number(execFileSync('id', [what, 'nobody'], { encoding: 'utf8' })),
    );
    return { name: 'nobody', uid, gid };
  }
  const why = isRoot ? 'setpriv is not installed' : 'that takes root on Linux';
  process.stderr.write(`SKIPPED: processes of another user: ${why}\n`);
  return undefined;
}
