import { ClosedConnectionError, RequestError, TimeoutError } from 'nats';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Link, openLink } from '../../src/nats/connection.ts';
import { request } from '../../src/nats/requests.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';

let server: TestServer;
let link: Link;
const open = () => openLink({ servers: [server.url], name: 'test' }, { signal: AbortSignal.timeout(10_000) });
beforeAll(async () => {
  server = await startNatsServer();
  link = await open();
});
afterAll(async () => {
  await link.close();
  await server.stop();
});

test('each of many requests gets its own answer', async () => {
  const echo = link.connection.subscribe('echo', { callback: (_, message) => void message.respond(message.data) });
  const texts = Array.from({ length: 500 }, (_, n) => `text ${n}`);
  const answers = await Promise.all(texts.map(text => request(link, 'echo', text, { timeoutMs: 5_000 })));
  expect(answers.map(answer => answer.string())).toEqual(texts);
  echo.unsubscribe();
});

test('requests of one turn arrive in their order, also those that answers to others lead to', async () => {
  const heard: string[] = [];
  const echo = link.connection.subscribe('order', {
    callback: (_, message) => {
      heard.push(message.string());
      message.respond();
    },
  });
  const ask = (text: string) => request(link, 'order', text, { timeoutMs: 5_000 });
  const numbers = Array.from({ length: 200 }, (_, n) => n);
  await Promise.all(numbers.map(n => ask(`first ${n}`).then(() => ask(`second ${n}`))));
  expect(heard.filter(text => text.startsWith('first'))).toEqual(numbers.map(n => `first ${n}`));
  expect(heard.filter(text => text.startsWith('second'))).toEqual(numbers.map(n => `second ${n}`));
  echo.unsubscribe();
});

test('a request that nobody listens to is told so at once', async () => {
  const asked = request(link, 'nobody', '', { timeoutMs: 5_000 });
  await expect(asked).rejects.toSatisfy(error => error instanceof RequestError && error.isNoResponders());
});

test('a request that is heard and not answered ends when its time is over', async () => {
  const deaf = link.connection.subscribe('deaf');
  await expect(request(link, 'deaf', '', { timeoutMs: 50 })).rejects.toBeInstanceOf(TimeoutError);
  deaf.unsubscribe();
});

test('the end of the link ends what waits on it, and refuses what comes after', async () => {
  const other = await open();
  const deaf = link.connection.subscribe('deaf');
  await link.connection.flush();
  const asked = request(other, 'deaf', '', { timeoutMs: 60_000 });
  asked.catch(() => undefined);
  await other.connection.flush();
  await other.close();
  await expect(asked).rejects.toBeInstanceOf(ClosedConnectionError);
  await expect(request(other, 'deaf', '', { timeoutMs: 60_000 })).rejects.toBeInstanceOf(ClosedConnectionError);
  deaf.unsubscribe();
});

test('requests go on after the server was killed and came back', async () => {
  await request(link, 'nobody', '', { timeoutMs: 5_000 }).catch(() => undefined);
  const back = new Promise<void>(resolve => {
    const stop = link.onChange(up => {
      if (!up) return;
      stop();
      resolve();
    });
  });
  await server.kill();
  await server.restart();
  await back;
  const asked = request(link, 'nobody', '', { timeoutMs: 5_000 });
  await expect(asked).rejects.toSatisfy(error => error instanceof RequestError && error.isNoResponders());
});
