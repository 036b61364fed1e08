/** A process that starts the embedded server of a data directory, says its pid, and ends: `starter.ts DATA BINARY`. */
import { startEmbedded } from '../../src/nats-server/embedded.ts';

const [dataDir = '', binary = ''] = process.argv.slice(2);
const server = await startEmbedded({ dataDir, binary });
process.stdout.write(`${server.pid}\n`);
