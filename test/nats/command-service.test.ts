import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { AnswerError } from '../../src/core/answer-error.ts';
import { type CommandService, command, serveCommands } from '../../src/nats/command-service.ts';
import { type NatsStore, openNatsStore } from '../support/nats-store.ts';

let store: NatsStore;
let service: CommandService;
const defects: unknown[] = [];
const handled: unknown[] = [];

beforeAll(async () => {
  store = await openNatsStore();
  const table = {
    'plan.put': command({
      schema: z.strictObject({ name: z.string(), exclude: z.array(z.string()).optional() }),
      handle: async (input, context) => {
        handled.push(input);
        return { name: input.name, command: context.command };
      },
    }),
    'plan.get': command({
      schema: z.strictObject({ name: z.string() }),
      handle: async input => {
        throw new AnswerError('not-found', `there is no plan ${input.name}\nreally`, 'list them');
      },
    }),
    'agent.list': command({ schema: z.strictObject({}), handle: async () => ({ agents: [] }) }),
    'actor.list': command({ schema: z.strictObject({}), handle: async () => ({ text: 'x'.repeat(2 ** 21) }) }),
    'agent.break': command({
      schema: z.strictObject({}),
      handle: async () => {
        throw new TypeError('a defect');
      },
    }),
  };
  const onDefect = (_: string, error: unknown) => defects.push(error);
  service = await serveCommands(store.link, store.names, table, { version: '0.1.0', onDefect });
});
afterAll(() => store.close());

async function ask(name: string, body = '') {
  const message = await store.link.connection.request(`reeve.cmd.${name}`, body, { timeout: 2_000 });
  const number = message.headers?.get('Nats-Service-Error-Code');
  return { answer: message.json(), number, header: message.headers?.get('Nats-Service-Error') };
}

test('a command is answered with ok and its fields', async () => {
  expect(await ask('plan.put', '{"name":"documents"}')).toEqual({
    answer: { ok: true, name: 'documents', command: 'plan.put' },
    number: undefined,
    header: undefined,
  });
});

test('an empty body is an empty object', async () => {
  expect((await ask('agent.list')).answer).toEqual({ ok: true, agents: [] });
});

test('a body that is not a JSON object is invalid', async () => {
  for (const body of ['{', '[]', '"text"', '7', 'null', '\u0000']) {
    const { answer, number } = await ask('plan.put', body);
    expect(answer).toMatchObject({
      ok: false,
      error: { code: 'invalid', message: expect.stringContaining('plan.put') },
    });
    expect(number).toBe('400');
  }
});

test('an unknown field is invalid, with its path and the nearest known one, and nothing is handled', async () => {
  const before = handled.length;
  const { answer } = await ask('plan.put', '{"name":"documents","exclud":["*"]}');
  expect(answer).toMatchObject({ ok: false, error: { code: 'invalid' } });
  expect(JSON.stringify(answer)).toContain('exclud: is not a known field; did you mean exclude?');
  expect(handled).toHaveLength(before);
});

test("a handler's own error is answered with its code, in the headers too, on one line", async () => {
  const { answer, number, header } = await ask('plan.get', '{"name":"gone"}');
  expect(answer).toEqual({
    ok: false,
    error: { code: 'not-found', message: 'there is no plan gone\nreally', hint: 'list them' },
  });
  expect(number).toBe('404');
  expect(header).toBe('there is no plan gone\\nreally');
});

test('a defect is answered as internal, without its text, and is told to the log', async () => {
  const { answer, number } = await ask('agent.break');
  expect(answer).toMatchObject({ ok: false, error: { code: 'internal' } });
  expect(JSON.stringify(answer)).not.toContain('a defect');
  expect(number).toBe('500');
  expect(defects).toEqual([expect.any(TypeError)]);
});

test('an answer that is longer than NATS lets pass is told as that', async () => {
  const { answer } = await ask('actor.list');
  expect(answer).toMatchObject({ ok: false, error: { code: 'internal', hint: expect.stringContaining('limit') } });
});

test('a command that nobody knows is not found, with the nearest name', async () => {
  const { answer, number } = await ask('plan.putt', '{}');
  expect(answer).toMatchObject({ ok: false, error: { code: 'not-found', hint: 'did you mean plan.put?' } });
  expect(number).toBe('404');
  expect((await ask('toString')).answer).toMatchObject({ ok: false, error: { code: 'not-found' } });
});

test('the services API shows every command', async () => {
  const message = await store.link.connection.request('$SRV.INFO.reeve', '', { timeout: 2_000 });
  const info = message.json<{ version: string; endpoints: { name: string; subject: string; queue_group: string }[] }>();
  expect(info.version).toBe('0.1.0');
  expect(info.endpoints).toContainEqual(
    expect.objectContaining({ name: 'plan-put', subject: 'reeve.cmd.plan.put', queue_group: 'reeve' }),
  );
});

test('a service that was stopped answers nothing more', async () => {
  await service.stop(AbortSignal.timeout(5_000));
  await expect(ask('agent.list')).rejects.toThrow(/no responders/i);
});
