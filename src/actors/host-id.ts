/** Which host this is, across restarts of its agents: the machine's own id where it has one, else its name. */
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';

export async function hostId(): Promise<string> {
  const id = await readFile('/etc/machine-id', 'utf8').catch(() => '');
  const text = id.trim();
  return text === '' ? hostname() : `${hostname()}-${text.slice(0, 12)}`;
}
