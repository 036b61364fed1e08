/**
 * How agents and clients alike connect to NATS, from what people write: URLs, a file of credentials, an authority.
 * What can never work (a URL that is none, a file that is not there) rejects as `invalid` and names it.
 */
import { readFile } from 'node:fs/promises';
import { credsAuthenticator, type NodeConnectionOptions } from 'nats';
import { AnswerError } from '../core/answer-error.ts';

export interface NatsOptions {
  /** `nats://host:port`, `tls://...`, several for a cluster; a user and a password may stand in it. */
  servers: readonly string[];
  /** Shown by the server's tools. */
  name: string;
  /** Path of a `.creds` file. */
  creds?: string | undefined;
  /** Path of the authority's certificate; its presence demands TLS. */
  tlsca?: string | undefined;
}

/** The library does not look into URLs: it has user, password and TLS beside the servers. */
export async function connectionSettings(options: NatsOptions): Promise<NodeConnectionOptions> {
  const { servers, name, creds, tlsca } = options;
  for (const server of servers) if (!isServerUrl(server)) throw noServer(server);
  const settings: NodeConnectionOptions = { servers: servers.map(withoutUser), name, ...userOf(servers[0] ?? '') };
  if (servers.some(server => server.startsWith('tls://'))) settings.tls = {};
  if (tlsca) settings.tls = { ca: await readText(tlsca, 'the certificate of the authority') };
  if (creds) settings.authenticator = credsAuthenticator(new TextEncoder().encode(await readCreds(creds)));
  return settings;
}

/** One URL, or several separated by commas. */
export function serversIn(text: string): string[] {
  return text.split(',').map(server => server.trim());
}

/** The servers as they may be shown: without user and password. */
export function shownServers(servers: readonly string[]): string {
  return servers.map(withoutUser).join(', ');
}

function withoutUser(server: string): string {
  return server.replace(/^([a-z]+:\/\/)?[^/]*@/i, '$1');
}

function isServerUrl(server: string): boolean {
  const url = URL.parse(server.includes('://') ? server : `nats://${server}`);
  return url !== null && ['nats:', 'tls:'].includes(url.protocol) && url.hostname !== '';
}

function noServer(server: string): AnswerError {
  const message = `"${withoutUser(server)}" is not a URL of a NATS server`;
  return new AnswerError('invalid', message, 'write for example nats://127.0.0.1:4222, or tls://nats.example.net:4222');
}

function userOf(server: string): { user?: string; pass?: string } {
  const url = URL.parse(server);
  try {
    return {
      ...(url?.username && { user: decodeURIComponent(url.username) }),
      ...(url?.password && { pass: decodeURIComponent(url.password) }),
    };
  } catch (cause) {
    const message = `user and password in the URL of ${withoutUser(server)} are not percent-encoded`;
    throw new AnswerError('invalid', message, 'write % as %25 there', { cause });
  }
}

async function readCreds(path: string): Promise<string> {
  const text = await readText(path, 'the credentials');
  // What the library looks for at each connection: a token and a seed, each between two lines of dashes.
  if ((text.match(/^\s*-{3,}[^\n]*-{3,}\s*$/gm)?.length ?? 0) >= 4) return text;
  throw new AnswerError(
    'invalid',
    `${path} has no credentials of NATS in it`,
    'name a .creds file, as `nsc` writes it',
  );
}

async function readText(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
    const hint = 'name a file that is there, and that this user may read';
    throw new AnswerError('invalid', `cannot read ${what} from ${path}${why}`, hint, { cause });
  }
}
