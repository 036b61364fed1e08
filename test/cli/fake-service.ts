/** A command service that answers as a test says, over a real nats-server. */
import { connect, type Msg, type NatsConnection } from 'nats';
import { AnswerError } from '../../src/core/answer-error.ts';

type Handler = (input: Record<string, unknown>) => object | Promise<object>;

export interface FakeService {
  /** What was asked, in order: the command and its input. */
  readonly asked: [string, Record<string, unknown>][];
  /** Sets how commands are answered; what a handler returns is sent with `ok: true`, an AnswerError as one. */
  answers(table: Record<string, Handler>): void;
  /** Publishes on the feeds. */
  tell(subject: string, value: unknown): void;
  close(): Promise<void>;
}

export async function startFakeService(url: string, prefix = 'reeve'): Promise<FakeService> {
  const connection: NatsConnection = await connect({ servers: url });
  const asked: FakeService['asked'] = [];
  let table: Record<string, Handler> = {};
  const answer = async (message: Msg) => {
    const command = message.subject.split('.').slice(2).join('.');
    const input = message.json<Record<string, unknown>>();
    asked.push([command, input]);
    try {
      const handler = table[command];
      if (!handler) throw new AnswerError('invalid', `no command ${command}`);
      message.respond(JSON.stringify({ ok: true, ...(await handler(input)) }));
    } catch (error) {
      const { code, message: text, hint } = error as AnswerError;
      message.respond(JSON.stringify({ ok: false, error: { code, message: text, hint } }));
    }
  };
  connection.subscribe(`${prefix}.cmd.>`, { callback: (_error, message) => void answer(message) });
  await connection.flush();
  return {
    asked,
    answers(next) {
      table = next;
      asked.length = 0;
    },
    tell: (subject, value) => connection.publish(subject, JSON.stringify(value)),
    close: () => connection.close(),
  };
}

/** A record as the wire has it. */
export function wireRecord(change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    kind: 'backup',
    id: 'photos-1',
    machine: { id: 'backup', version: 1 },
    state: 'transferring',
    from: 'preparing',
    event: 'source.prepared',
    reason: null,
    note: null,
    at: '2026-01-01T00:00:10.000Z',
    since: '2026-01-01T00:00:10.000Z',
    final: false,
    context: { plan: 'photos', attempt: 1, agent: 'nas-1', startedAt: '2026-01-01T00:00:00.000Z', endedAt: null },
    deadlines: { stall: '2026-01-01T00:15:10.000Z' },
    owner: { agent: 'nas-1', host: 'h', incarnation: 'i', epoch: 1 },
    handTo: null,
    mail: { seq: 0, at: '1970-01-01T00:00:00.000Z' },
    requests: [],
    after: 3,
    write: { incarnation: 'i', n: 4 },
    canTake: ['backup.cancel'],
    ...change,
  };
}
