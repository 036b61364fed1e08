/** Stands between Reeve and a VictoriaMetrics, and keeps answers to itself. */
import { once } from 'node:events';
import { createServer, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** `silent` answers nothing; `forgetful` passes a request for a snapshot on, and keeps the answer. */
export type Manner = 'open' | 'silent' | 'forgetful';

export class OddServer {
  manner: Manner = 'open';
  /** Called once a request for a snapshot was done whose answer is kept back. */
  onKept: () => Promise<void> = async () => undefined;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(port: number): Promise<OddServer> {
    const server = createServer();
    const odd = new OddServer(server);
    server.on('request', (asked, answer: ServerResponse) => {
      if (odd.manner === 'silent') return;
      const keeps = odd.manner === 'forgetful' && asked.url?.startsWith('/snapshot/create');
      const { url: path, method, headers } = asked;
      const passed = request({ host: '127.0.0.1', port, path, method, headers }, answered => {
        if (keeps) return void answered.resume().once('end', () => void odd.onKept());
        answer.writeHead(answered.statusCode ?? 500, answered.headers);
        answered.pipe(answer);
      });
      asked.pipe(passed);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return odd;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
