/** For a process that must meet files that it may not read, also where the tests run as root. */
import { execFileSync } from 'node:child_process';

/**
 * A command that starts another without root's power over the permissions of files; empty where nobody is root. A
 * reason, as a text, where this machine has none: the test is then to be skipped, loudly.
 */
export function withoutPowers(): readonly string[] | string {
  if (process.getuid?.() !== 0) return [];
  const under = ['setpriv', '--bounding-set=-dac_override,-dac_read_search'];
  try {
    execFileSync(under[0] as string, [...under.slice(1), 'true'], { stdio: 'pipe' });
    return under;
  } catch (error) {
    return `no setpriv: ${String(error)}`;
  }
}
