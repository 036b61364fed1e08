/** The `reeve` command with this process: puts the parts together, and hands the command line `up` and `agent`. */
import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { processEnvironment } from '../cli/process-environment.ts';
import { runCommandLine } from '../cli/program.ts';
import { urlOf } from '../nats-server/embedded.ts';
import { SystemClock } from '../runtime/system-clock.ts';
import { agentProcess } from './agent-process.ts';
import { up } from './up.ts';

const clock = new SystemClock();
const environment = processEnvironment({
  clock,
  embeddedUrl: urlOf,
  up,
  agent: agentProcess,
  version: await packageVersion(),
});
process.exitCode = await runCommandLine(process.argv.slice(2), environment);
// An alarm that was taken back may still hold the clock's timer, and with it the process.
clock.close();
// The NATS library leaves a socket open where a server took the connection and never greeted; it may not hold us either.
setTimeout(() => process.exit(), 500).unref();

/** The version in package.json, which lies two above this file in a checkout and three above it in a package. */
async function packageVersion(): Promise<string> {
  for (const above of ['../../package.json', '../../../package.json']) {
    const text = await readFile(new URL(above, import.meta.url), 'utf8').catch(() => undefined);
    if (text !== undefined) return String((JSON.parse(text) as { version?: unknown }).version);
  }
  return 'unknown';
}
