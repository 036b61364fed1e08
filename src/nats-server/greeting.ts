/** What a nats-server says first to whoever connects. */
import { once } from 'node:events';
import { connect } from 'node:net';

/** Fields of the INFO line that tell whether a server is the one that is looked for. */
export interface Greeting {
  server_name?: string;
  version?: string;
  jetstream?: boolean;
}

/** The greeting of a server on loopback; undefined where nobody answers within `withinMs`, or it is no nats-server. */
export async function greetingOf(port: number, withinMs: number): Promise<Greeting | undefined> {
  const signal = AbortSignal.timeout(Math.ceil(withinMs));
  const socket = connect(port, '127.0.0.1');
  try {
    const line = await firstLine(socket, signal);
    return line.startsWith('INFO ') ? (JSON.parse(line.slice(5)) as Greeting) : undefined;
  } catch {
    return undefined; // refused, silent, or no nats-server: nobody answers as one
  } finally {
    socket.on('error', () => {}).destroy();
  }
}

async function firstLine(socket: ReturnType<typeof connect>, signal: AbortSignal): Promise<string> {
  let text = '';
  while (!text.includes('\n') && text.length < 2 ** 16) {
    const [chunk] = (await once(socket, 'data', { signal })) as [Buffer];
    text += chunk.toString('utf8');
  }
  return text.slice(0, text.indexOf('\n'));
}
