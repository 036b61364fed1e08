/** A TCP proxy before a nats-server that can cut a connection at the worst moment: taken by the server, not yet answered. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface NatsProxy {
  readonly url: string;
  /** Cuts every connection when the server first answers after a client sent something that has `text` in it; resolves then. */
  cutAnswerTo(text: string): Promise<void>;
  /** Cuts every connection now and lets none in until `open` is called. */
  close(): void;
  open(): void;
  stop(): Promise<void>;
}

export async function startNatsProxy(port: number): Promise<NatsProxy> {
  const sockets = new Set<Socket>();
  let isOpen = true;
  let trap: { text: string; isSent: boolean; cut: () => void } | undefined;

  const cutAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer(client => {
    if (!isOpen) {
      client.destroy();
      return;
    }
    const upstream = connect(port, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', chunk => {
      if (trap && chunk.includes(trap.text)) trap.isSent = true;
      upstream.write(chunk);
    });
    upstream.on('data', chunk => {
      if (!trap?.isSent) {
        client.write(chunk);
        return;
      }
      trap.cut();
      trap = undefined;
      cutAll();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cutAnswerTo: text =>
      new Promise(resolve => {
        trap = { text, isSent: false, cut: resolve };
      }),
    close() {
      isOpen = false;
      cutAll();
    },
    open() {
      isOpen = true;
    },
    async stop() {
      cutAll();
      server.close();
      await once(server, 'close');
    },
  };
}
