/** A process that runs counters: `node counting-agent.ts URL FILE ID...`. It is there to be killed. */
import { openRuntime } from '../../src/index.ts';
import { counter } from './counter.ts';

const [url = '', file = '', ...ids] = process.argv.slice(2);
const runtime = await openRuntime({ name: 'counting', kinds: [counter(file)], nats: { servers: [url] } });
for (const id of ids) await runtime.start('counter', id, { input: { id } });
process.stdout.write('ready\n');
