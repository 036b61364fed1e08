/** Stands between Reeve and a VictoriaMetrics, and keeps answers to itself. */
import { once } from 'node:events';
import { createServer, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * `away` ends each connection; `silent` answers nothing; `forgetful` passes the next request for a snapshot on, keeps the answer, and is open from then
 * on; `impatient` does the same, and answers 504; `late` passes such a request on when it is told to (`passOn`), and then
 * the answer too.
 */
export type Manner = 'open' | 'away' | 'silent' | 'forgetful' | 'impatient' | 'late';

export class OddServer {
  manner: Manner = 'open';
  /** Called once a request for a snapshot was done whose answer is kept back. */
  onKept: () => Promise<void> = async () => undefined;
  /** How many requests to delete a snapshot came. */
  deletions = 0;
  readonly #server: Server;
  #waiting: (() => void)[] = [];

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(port: number): Promise<OddServer> {
    const server = createServer();
    const odd = new OddServer(server);
    server.on('request', (asked, answer: ServerResponse) => {
      if (odd.manner === 'away') return void asked.socket.destroy();
      if (odd.manner === 'silent') return;
      if (asked.url?.startsWith('/snapshot/delete')) odd.deletions += 1;
      const isForSnapshot = asked.url?.startsWith('/snapshot/create');
      const isImpatient = odd.manner === 'impatient' && isForSnapshot;
      const keeps = isImpatient || (odd.manner === 'forgetful' && isForSnapshot);
      if (keeps) odd.manner = 'open';
      const { url: path, method, headers } = asked;
      const passed = request({ host: '127.0.0.1', port, path, method, headers }, answered => {
        const kept = () => odd.onKept().then(() => isImpatient && answer.writeHead(504).end());
        if (keeps) return void answered.resume().once('end', () => void kept());
        answer.writeHead(answered.statusCode ?? 500, answered.headers);
        answered.pipe(answer);
      });
      const pass = () => void asked.pipe(passed);
      if (odd.manner === 'late' && isForSnapshot) odd.#waiting.push(pass);
      else pass();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return odd;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How many requests for a snapshot wait to be passed on. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Passes on what waits. */
  passOn(): void {
    for (const pass of this.#waiting.splice(0)) pass();
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
