/**
 * A process that starts an engine and stays: `agent-with-engine.ts DATA TOKEN BOUNDS SCRIPT`, with the bounds as JSON and
 * JavaScript for the engine, which says `ready`. Then this process says the engine's pid.
 */
import { startEngine } from '../../src/runner/engine-process.ts';
import { RunDirectory } from '../../src/runner/run-directory.ts';

const [data = '', token = '', bounds = '{}', script = ''] = process.argv.slice(2);
const directory = new RunDirectory(data, 'inner');
await directory.create();
const engine = await startEngine({
  command: process.execPath,
  args: ['-e', script],
  directory,
  token,
  bounds: JSON.parse(bounds),
  onLine: line => {
    if (line === 'ready') process.stdout.write(`${engine.pid}\n`);
  },
});
