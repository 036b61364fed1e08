/** How to start the engine process: from the sources as from a build, with the Node that runs already. */
import { fileURLToPath } from 'node:url';

/** The command and its arguments, for a job file at this path. */
export function engineCommand(jobPath: string): [command: string, ...args: string[]] {
  const entry = import.meta.url.endsWith('.ts') ? './process.ts' : './process.js';
  return [process.execPath, fileURLToPath(new URL(entry, import.meta.url)), jobPath];
}
