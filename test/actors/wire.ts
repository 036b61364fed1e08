/** A bare NATS client on the wire, as any other language has it: it knows no type of ours. */
import { connect, headers, type NatsConnection } from 'nats';
import { eventually } from '../support/eventually.ts';

/** An answer to a request, with the headers that the services API gives errors. */
export interface Raw {
  body: Record<string, unknown> & { ok: boolean; error?: { code: string; message: string; hint: string } };
  number: string | undefined;
  description: string | undefined;
}

export class Wire {
  readonly connection: NatsConnection;
  #boxes = 0;

  static async open(url: string): Promise<Wire> {
    return new Wire(await connect({ servers: url }));
  }

  private constructor(connection: NatsConnection) {
    this.connection = connection;
  }

  close(): Promise<void> {
    return this.connection.close();
  }

  /** One command with a body that is sent as it is: text, bytes, or a value as JSON. */
  async command(name: string, body: string | Uint8Array | object = ''): Promise<Raw> {
    const payload = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
    const message = await this.connection.request(`reeve.cmd.${name}`, payload, { timeout: 15_000 });
    return {
      body: message.json(),
      number: message.headers?.get('Nats-Service-Error-Code') || undefined,
      description: message.headers?.get('Nats-Service-Error') || undefined,
    };
  }

  /** Every answer to one command that comes until nothing more can come. */
  async answers(name: string, body: object, lastWord: () => Promise<unknown>): Promise<Raw['body'][]> {
    this.#boxes += 1;
    const inbox = `answers.${this.#boxes}`;
    const heard: Raw['body'][] = [];
    const subscription = this.connection.subscribe(inbox, {
      callback: (_, message) => void heard.push(message.json()),
    });
    this.connection.publish(`reeve.cmd.${name}`, JSON.stringify(body), { reply: inbox });
    await eventually('an answer', () => heard.length > 0, 15_000);
    await lastWord();
    await this.connection.flush();
    subscription.unsubscribe();
    return heard;
  }

  /** Publishes to a mailbox; resolves with the acknowledgement of JetStream and the outcome that its actor tells. */
  async mail(kind: string, id: string, body: string | object): Promise<{ ack: object; outcome: Raw['body'] }> {
    this.#boxes += 1;
    const replyTo = `outcomes.${this.#boxes}`;
    const heard: Raw['body'][] = [];
    const subscription = this.connection.subscribe(replyTo, {
      callback: (_, message) => void heard.push(message.json()),
    });
    await this.connection.flush();
    const asking = headers();
    asking.set('Reeve-Reply', replyTo);
    const payload = typeof body === 'string' ? body : JSON.stringify(body);
    const subject = `reeve.actor.${kind}.${id}`;
    const acknowledged = await this.connection.request(subject, payload, { timeout: 5_000, headers: asking });
    const outcome = await eventually('an outcome', () => heard[0], 15_000);
    subscription.unsubscribe();
    return { ack: acknowledged.json(), outcome };
  }

  /** The newest message of a stream on a subject, through JetStream's own API; undefined where there is none. */
  async newest(stream: string, subject: string): Promise<Record<string, unknown> | undefined> {
    const asked = JSON.stringify({ last_by_subj: subject });
    const answer = await this.connection.request(`$JS.API.STREAM.MSG.GET.${stream}`, asked, { timeout: 5_000 });
    const { message } = answer.json<{ message?: { data?: string } }>();
    return message && (JSON.parse(Buffer.from(message.data ?? '', 'base64').toString()) as Record<string, unknown>);
  }
}
