import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { Fact, FactName, FactOf } from '../../src/domain/facts.ts';
import { serveAgent } from '../../src/telemetry/agent-http.ts';
import { plain, serveHttp } from '../../src/telemetry/http-server.ts';
import { eventually } from '../support/eventually.ts';

const at = '2026-01-02T03:04:05.500Z';
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

class Told {
  readonly facts: Fact[] = [];
  readonly observe = (fact: Fact) => void this.facts.push(fact);

  async first<Name extends FactName>(name: Name): Promise<FactOf<Name>> {
    return (await eventually(name, () => this.facts.find(({ fact }) => fact === name))) as FactOf<Name>;
  }
}

async function served(): Promise<string> {
  const told = new Told();
  const routes = { '/here': () => plain(200, 'well'), '/broken': () => Promise.reject(new Error('broken')) };
  closing.push(serveHttp({ listen: '127.0.0.1:0', routes, observe: told.observe }));
  return (await told.first('http.listening')).url;
}

test('GET and HEAD are answered, whatever the query', async () => {
  const url = await served();
  const got = await fetch(`${url}/here?a=b`);
  expect([got.status, await got.text()]).toEqual([200, 'well\n']);
  const head = await fetch(`${url}/here`, { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '5', '']);
});

test.each(['/', '/nowhere', '/here/', '/constructor', '/..%2fhere'])('%s is not found', async path => {
  expect((await fetch(`${await served()}${path}`)).status).toBe(404);
});

test.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('%s is not allowed', async method => {
  const { status, headers } = await fetch(`${await served()}/here`, { method });
  expect([status, headers.get('allow')]).toEqual([405, 'GET, HEAD']);
});

test('a route that throws ends its own request and no other', async () => {
  const url = await served();
  await expect(fetch(`${url}/broken`)).rejects.toThrow();
  expect((await fetch(`${url}/here`)).status).toBe(200);
});

test('a port that is taken is told, and taken once it is free', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  const told = new Told();
  const listen = `127.0.0.1:${port}`;
  closing.push(serveHttp({ listen, routes: {}, observe: told.observe, retryMs: 20 }));
  expect(await told.first('http.not-listening')).toMatchObject({
    listen,
    message: expect.stringContaining('another process listens there already'),
  });
  other.close();
  expect((await told.first('http.listening')).url).toBe(`http://${listen}`);
});

test('an address that this host has not is told', async () => {
  const told = new Told();
  closing.push(serveHttp({ listen: '192.0.2.1:7480', routes: {}, observe: told.observe }));
  expect((await told.first('http.not-listening')).message).toContain('EADDRNOTAVAIL');
});

test('an agent is well while it runs and NATS is there', async () => {
  const told = new Told();
  const { observe, close } = serveAgent('127.0.0.1:0', told.observe);
  closing.push(close);
  const { url } = await told.first('http.listening');
  const health = async () => {
    const response = await fetch(`${url}/healthz`);
    return [response.status, await response.text()];
  };
  const agentIs = (state: string) =>
    observe({
      fact: 'actor.transition',
      kind: 'agent',
      id: 'here',
      from: null,
      state,
      event: 'e',
      reason: null,
      note: null,
      final: false,
      agent: 'here',
      at,
    });
  expect(await health()).toEqual([503, 'the agent is starting\n']);
  observe({ fact: 'nats.away', message: 'not there yet', at });
  expect(await health()).toEqual([503, 'NATS is away\n']);
  observe({ fact: 'agent.started', incarnation: 'i', host: 'h', version: '1', pid: 1, at });
  agentIs('running');
  expect(await health()).toEqual([200, 'ok\n']);
  observe({ fact: 'nats.away', message: 'gone', at });
  expect(await health()).toEqual([503, 'NATS is away\n']);
  observe({ fact: 'nats.back', awayMs: 1, at });
  agentIs('draining');
  expect(await health()).toEqual([503, 'the agent is draining\n']);
  expect(told.facts.map(({ fact }) => fact)).toContain('nats.back');
});
