/**
 * Requests and their answers over one inbox a link. The client library's own `request` makes an error with its stack, a
 * race and a token for each, which is half the time of a durable step; the promises here are the same:
 *
 * 1. A request ends once: with its answer, with TimeoutError, with a RequestError that `isNoResponders`, or with
 *    ClosedConnectionError when the link is closed.
 * 2. What is asked in one turn goes out together, in order, some at a time: the client library would hand the system nearly
 *    every message by itself, and a server that hears of all at the turn's end only stands idle until then.
 * 3. A connection that is lost ends none by itself: its answer may come, or its time passes.
 */
import {
  ClosedConnectionError,
  createInbox,
  type Msg,
  type MsgHdrs,
  NoRespondersError,
  RequestError,
  TimeoutError,
} from 'nats';
import type { Link } from './connection.ts';
import { listen } from './listen.ts';

export interface RequestOptions {
  timeoutMs: number;
  headers?: MsgHdrs;
}

/** Publishes to `subject` and resolves with the first answer. */
export function request(link: Link, subject: string, body: string | Uint8Array, options: RequestOptions): Promise<Msg> {
  let requests = byLink.get(link);
  if (!requests) {
    requests = new Requests(link);
    byLink.set(link, requests);
  }
  return requests.send(subject, body, options);
}

const togetherMax = 32;

interface Unsent extends Pick<RequestOptions, 'headers'> {
  token: string;
  subject: string;
  body: string | Uint8Array;
}

interface Waiting {
  subject: string;
  resolve: (answer: Msg) => void;
  reject: (error: unknown) => void;
  /** By `performance.now()`. */
  dueAt: number;
}

const byLink = new WeakMap<Link, Requests>();

class Requests {
  readonly #link: Link;
  readonly #inbox = `${createInbox()}.`;
  readonly #waiting = new Map<string, Waiting>();
  #unsent: Unsent[] = [];
  #count = 0;
  /** One for all that wait, set for the nearest of them; it may ring for nothing. */
  #timer: NodeJS.Timeout | undefined;
  #ringsAt = Number.POSITIVE_INFINITY;

  constructor(link: Link) {
    this.#link = link;
    listen(link, `${this.#inbox}*`, message => this.#answer(message));
    link.onChange(() => {
      if (link.isClosed)
        for (const token of [...this.#waiting.keys()]) this.#end(token)?.reject(new ClosedConnectionError());
    });
  }

  send(subject: string, body: string | Uint8Array, { timeoutMs, headers }: RequestOptions): Promise<Msg> {
    this.#count += 1;
    const token = this.#count.toString(36);
    return new Promise((resolve, reject) => {
      const dueAt = performance.now() + timeoutMs;
      this.#waiting.set(token, { subject, resolve, reject, dueAt });
      if (dueAt < this.#ringsAt) this.#ringAt(dueAt);
      // After all that was promised in this turn: answers that came together lead to requests that go together.
      if (this.#unsent.length === 0) process.nextTick(() => this.#publish());
      this.#unsent.push({ token, subject, body, ...(headers && { headers }) });
      if (this.#unsent.length >= togetherMax) this.#publish();
    });
  }

  #publish(): void {
    const unsent = this.#unsent;
    this.#unsent = [];
    for (const { token, subject, body, headers } of unsent) {
      try {
        const reply = `${this.#inbox}${token}`;
        this.#link.connection.publish(subject, body, headers ? { reply, headers } : { reply });
      } catch (error) {
        this.#end(token)?.reject(error);
      }
    }
  }

  #ringAt(dueAt: number): void {
    clearTimeout(this.#timer);
    this.#ringsAt = dueAt;
    this.#timer = setTimeout(() => this.#ring(), Math.max(1, dueAt - performance.now()));
  }

  /** Nothing waits, and nothing keeps the process from ending. */
  #silence(): void {
    clearTimeout(this.#timer);
    this.#ringsAt = Number.POSITIVE_INFINITY;
  }

  #ring(): void {
    this.#ringsAt = Number.POSITIVE_INFINITY;
    const now = performance.now();
    let nearest = Number.POSITIVE_INFINITY;
    for (const [token, { dueAt }] of this.#waiting)
      if (dueAt <= now) this.#end(token)?.reject(new TimeoutError());
      else nearest = Math.min(nearest, dueAt);
    if (nearest < Number.POSITIVE_INFINITY) this.#ringAt(nearest);
  }

  #answer(message: Msg): void {
    const waiting = this.#end(message.subject.slice(this.#inbox.length));
    if (!waiting) return; // it came too late
    const { subject } = waiting;
    const isAnswer = message.data.length > 0 || message.headers?.code !== 503;
    if (isAnswer) waiting.resolve(message);
    else waiting.reject(new RequestError(`nobody answers ${subject}`, { cause: new NoRespondersError(subject) }));
  }

  #end(token: string): Waiting | undefined {
    const waiting = this.#waiting.get(token);
    if (!waiting) return undefined;
    this.#waiting.delete(token);
    if (this.#waiting.size === 0) this.#silence();
    return waiting;
  }
}
