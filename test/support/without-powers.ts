/** For a process that must meet files that it may not read, also where the tests run as root. */
import { execFileSync } from 'node:child_process';

/**
 * A command that starts another without root's power over the permissions of files; empty where nobody is root. A
 * reason, as a text and told, where this machine has none: the test is then to be skipped. CI must have one.
 */
export function withoutPowers(): readonly string[] | string {
  if (process.getuid?.() !== 0) return [];
  const under = ['setpriv', '--bounding-set=-dac_override,-dac_read_search'];
  try {
    execFileSync(under[0] as string, [...under.slice(1), 'true'], { stdio: 'pipe' });
    return under;
  } catch (error) {
    const why = `root reads all files here, and there is no setpriv: ${String(error)}`;
    if (process.env.CI) throw new Error(`CI must run this test: ${why}`);
    process.stderr.write(`SKIPPED: ${why}\n`);
    return why;
  }
}
