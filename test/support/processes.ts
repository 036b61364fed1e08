/** The processes of this host that a test's agents started, whoever is their parent by now. */
import { readdirSync, readFileSync } from 'node:fs';

export interface FoundProcess {
  pid: number;
  /** Its arguments. */
  command: string[];
  /** A letter of the kernel's: `T` is stopped, `Z` has ended. */
  state: string;
}

/** Every process but this one whose command line or environment names `text`; zombies left out. */
export function processesNaming(text: string): FoundProcess[] {
  return readdirSync('/proc').flatMap(name => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    const command = contentOf(`/proc/${pid}/cmdline`);
    const state = stateOf(pid);
    const names = command.includes(text) || contentOf(`/proc/${pid}/environ`).includes(text);
    return names && state !== 'Z' && state !== '' ? [{ pid, command: command.split('\0'), state }] : [];
  });
}

/** What the kernel says that a process does; empty where there is none. */
export function stateOf(pid: number): string {
  const stat = contentOf(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
}

/** A process may end between two looks, and may not be ours to read. */
function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
