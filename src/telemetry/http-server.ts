/**
 * What an agent serves over HTTP, at `http.listen` of its file. It is read and never changed: only GET and HEAD.
 *
 * A port that it cannot have is told and tried again; nothing else depends on it.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { defectOf } from '../core/defect.ts';
import type { Observer } from '../domain/facts.ts';
import { type ListenAddress, listenAddressOf, notAnAddress } from '../domain/listen-address.ts';

export interface Reply {
  status: number;
  contentType: string;
  body: string;
}

export interface HttpServing {
  /** `HOST:PORT`; port 0 takes a free one, which `http.listening` tells. */
  listen: string;
  /** By path. */
  routes: Readonly<Record<string, () => Reply | Promise<Reply>>>;
  observe: Observer;
  /** How long it waits before it tries a port again; a minute unless given. */
  retryMs?: number;
}

/** Connections at once, beyond which new ones are dropped; and what one request may take. */
const connectionsMax = 100;
const requestMs = 10_000;

/** Listens from now on, until the returned function is called. Throws only where `listen` is no address. */
export function serveHttp({ listen, routes, observe, retryMs = 60_000 }: HttpServing): () => void {
  const address = listenAddressOf(listen);
  if (!address) throw new Error(`${listen} ${notAnAddress}`);
  const server = createServer({ requestTimeout: requestMs, headersTimeout: requestMs }, (request, response) => {
    answer(routes, request, response).catch((error: unknown) => {
      observe(defectOf('the HTTP server', error, now()));
      response.destroy();
    });
  });
  server.maxConnections = connectionsMax;
  let timer: NodeJS.Timeout | undefined;
  server.on('listening', () => observe({ fact: 'http.listening', url: urlOf(server), at: now() }));
  server.on('error', (error: NodeJS.ErrnoException) => {
    observe({ fact: 'http.not-listening', listen, message: inWords(error), at: now() });
    clearTimeout(timer);
    if (!server.listening) timer = setTimeout(() => open(server, address), retryMs).unref();
  });
  open(server, address);
  return () => {
    clearTimeout(timer);
    server.close();
    server.closeAllConnections();
  };
}

function open(server: Server, { host, port }: ListenAddress): void {
  server.listen({ host, port });
}

async function answer(
  routes: HttpServing['routes'],
  { method = '', url = '' }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [path = ''] = url.split('?', 1);
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (!route) return send(response, method, plain(404, 'not found'));
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return send(response, method, plain(405, 'only GET and HEAD'));
  }
  send(response, method, await route());
}

function send(response: ServerResponse, method: string, { status, contentType, body }: Reply): void {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(method === 'HEAD' ? undefined : body);
}

export function plain(status: number, text: string): Reply {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${text}\n` };
}

function urlOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

function inWords({ code, message }: NodeJS.ErrnoException): string {
  const next = 'name another by http.listen or --http; it is tried again every minute';
  if (code === 'EADDRINUSE') return `another process listens there already: end it, or ${next}`;
  return `${message}: ${next}`;
}

function now(): string {
  return new Date().toISOString();
}
