/** From a command's request to its answer: what it asked for is durable by then. One at a time, as an operator's are. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectClient } from '../../src/nats/client.ts';
import { median, ms, percentile, type Row, timed } from './measure.ts';
import { actorsSubject, openServer, plainConnection, rawCreate } from './stage.ts';

const commands = 1_500;
const warmUp = 300;
const lamps = 20;
const kind = 'stream';

async function startAgent(url: string, data: string): Promise<ChildProcess> {
  const script = fileURLToPath(new URL('./agent-with-lamps.ts', import.meta.url));
  const child = fork(script, [url, data, kind, String(lamps)], { execArgv: [] });
  const ended = once(child, 'exit').then(([status]) => {
    throw new Error(`the agent ended with ${status} before it was ready`);
  });
  ended.catch(() => undefined);
  await Promise.race([once(child, 'message'), ended]);
  return child;
}

type Took = Record<'command' | 'request' | 'write', number[]>;

async function measure(url: string): Promise<Took> {
  const client = await connectClient({ url });
  const plain = await plainConnection(url);
  try {
    const body = { kind, id: 'lamp-0', command: { type: 'lamp.switch' } };
    const value = new TextEncoder().encode(JSON.stringify(await client.request('actor.get', { kind, id: 'lamp-0' })));
    const took: Took = { command: [], request: [], write: [] };
    for (let n = 0; n < warmUp + commands; n += 1) {
      const request = await timed(() => plain.request('bench.echo', JSON.stringify(body), { timeout: 5_000 }));
      const write = await timed(() => rawCreate(plain, actorsSubject(`write-${n}`, 'bare'), value));
      const command = await timed(() => client.request('actor.send', { ...body, id: `lamp-${n % lamps}` }));
      if (n < warmUp) continue;
      took.request.push(request);
      took.write.push(write);
      took.command.push(command);
    }
    return took;
  } finally {
    await client.close();
    await plain.close();
  }
}

async function onAgent(url: string): Promise<Took> {
  const data = await mkdtemp(join(tmpdir(), 'reeve-bench-'));
  const agent = await startAgent(url, data);
  try {
    return await measure(url);
  } finally {
    const ended = once(agent, 'exit');
    agent.disconnect();
    await ended;
    await rm(data, { recursive: true, force: true });
  }
}

export async function run(): Promise<Row[]> {
  const server = await openServer();
  const took = await onAgent(server.url).finally(() => server.stop());
  const [own, request, write] = [median(took.command), median(took.request), median(took.write)];
  const anchor = request + write;
  return [
    {
      figure: `command to durable acceptance, p50 (nats-server ${server.version})`,
      value: `${ms(own)} (p99 ${ms(percentile(took.command, 0.99))})`,
      anchor: `bare request ${ms(request)} + one write ${ms(write)}`,
      ratio: `${(own / anchor).toFixed(1)} times`,
      target: '<= 3 times',
      met: own <= 3 * anchor,
    },
  ];
}
