import { afterAll, beforeAll, expect, test } from 'vitest';
import { isAtLeast, openLink, parseServerVersion } from '../../src/nats/connection.ts';
import { freePort } from '../support/free-port.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startNatsServer();
});
afterAll(() => server.stop());

test('an agent whose NATS is away says so, and goes on as soon as it is there', async () => {
  await server.kill();
  const told = Promise.withResolvers<Error>();
  const opened = openLink({ servers: [server.url], name: 'test' }, { waiting: told.resolve });
  expect((await told.promise).message).not.toBe('');
  await server.restart();
  const link = await opened;
  expect(link.isUp).toBe(true);
  expect(isAtLeast(link.version(), 2, 9, 10)).toBe(true);
  await link.close();
});

test('an agent that waits for NATS ends when it is told to', async () => {
  const stop = new AbortController();
  const reason = new Error('enough');
  const waiting = () => stop.abort(reason);
  const servers = [`nats://127.0.0.1:${await freePort()}`];
  await expect(openLink({ servers, name: 'test' }, { signal: stop.signal, waiting })).rejects.toBe(reason);
});

test('a link tells when it goes away and when it is back', async () => {
  const link = await openLink({ servers: [server.url], name: 'test' });
  const changes: boolean[] = [];
  const down = Promise.withResolvers<void>();
  link.onChange(up => {
    changes.push(up);
    if (!up) down.resolve();
  });
  await server.kill();
  await down.promise;
  expect(link.isUp).toBe(false);
  const reason = new Error('enough');
  await expect(link.untilUp(AbortSignal.abort(reason))).rejects.toBe(reason);
  const back = link.untilUp();
  await server.restart();
  await back;
  expect(changes).toEqual([false, true]);
  await link.close();
  await expect(link.untilUp()).rejects.toMatchObject({ code: 'unavailable' });
});

test('a credentials file that is not there is told by its path', async () => {
  const opened = openLink({ servers: [server.url], name: 'test', creds: '/nowhere/agent.creds' });
  await expect(opened).rejects.toMatchObject({
    code: 'invalid',
    message: expect.stringContaining('/nowhere/agent.creds'),
  });
});

test('a URL that is none ends the wait at once', async () => {
  const opened = openLink({ servers: [server.url, 'nats://127.0.0.1:99999'], name: 'test' });
  await expect(opened).rejects.toMatchObject({ code: 'invalid', message: expect.stringContaining(':99999') });
});

test("a server's version is read, and what is none is older than all", () => {
  expect(parseServerVersion('2.10.0-beta.1')).toMatchObject({ major: 2, minor: 10, patch: 0 });
  expect(isAtLeast(parseServerVersion('v2.11.4'), 2, 11)).toBe(true);
  expect(isAtLeast(parseServerVersion('2.9.9'), 2, 9, 10)).toBe(false);
  expect(isAtLeast(parseServerVersion('nonsense'), 0, 0, 1)).toBe(false);
});
