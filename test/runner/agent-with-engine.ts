/**
 * A process that starts an engine and stays: `agent-with-engine.ts DATA TOKEN [deaf]`. It says the engine's pid once the
 * engine is ready. A deaf engine heeds neither the end of its stdin nor TERM.
 */
import { startEngine } from '../../src/runner/engine-process.ts';
import { RunDirectory } from '../../src/runner/run-directory.ts';

const [data = '', token = '', kind] = process.argv.slice(2);
const heeding = 'process.stdin.on("end", () => process.exit(0)).resume();';
const deaf = 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1e6);';
const directory = new RunDirectory(data, 'inner');
await directory.create();
const engine = await startEngine({
  command: process.execPath,
  args: ['-e', `${kind === 'deaf' ? deaf : heeding} console.log("ready")`],
  directory,
  token,
  onLine: () => {
    process.stdout.write(`${engine.pid}\n`);
  },
});
