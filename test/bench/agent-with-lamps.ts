/**
 * A whole agent in a process of its own, that also runs lamps, and answers plain requests as an anchor. The command
 * service takes commands for its own kinds only, so the lamps stand in for one of them. Its parent names the server, a
 * data directory, that kind and how many lamps; it is told `ready`, and ends this process by closing the channel.
 */
import process from 'node:process';
import { startAgent } from '../../src/actors/agent.ts';
import { agentConfigOf } from '../../src/domain/agent-config.ts';
import { Supervisor } from '../../src/runtime/supervisor.ts';
import { lamp } from './lamp.ts';
import { plainConnection } from './stage.ts';

const [url = '', data = '', kind = '', lamps = '1'] = process.argv.slice(2);
const config = agentConfigOf({ name: 'bench', data, nats: { servers: [url] } });
const observe = () => undefined;
const starting = AbortSignal.timeout(20_000);
const agent = await startAgent({ config, version: '0.0.0', observe, waiting: observe }, starting);
const { runtime, clock } = agent.parts;
runtime.define({ ...lamp, kind }, new Supervisor({ name: 'lamps', clock, observe, random: Math.random }));
for (let n = 0; n < Number(lamps); n += 1) await runtime.start(kind, `lamp-${n}`, { input: { room: 'hall' } });
const plain = await plainConnection(url);
plain.subscribe('bench.echo', { callback: (_, message) => void message.respond(message.data) });
await plain.flush();
process.once('disconnect', () => process.exit(0));
process.send?.('ready');
