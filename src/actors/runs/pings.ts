/**
 * Pings: an HTTP request when a backup starts and one when it is over, for a monitor that misses them, in the manner of
 * healthchecks.io: `/start` is added to the path of the URL at the start, nothing where it completed, `/fail` where it
 * ended in any other way.
 *
 * 1. Nobody waits for a ping, and none that fails is anything but told.
 * 2. The pings of one run are sent in their order, each at most three times of at most ten seconds.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Observer } from '../../domain/facts.ts';
import type { RunContext } from '../../domain/run.ts';
import { OneAtATime } from './one-at-a-time.ts';

export interface PingsOptions {
  /** URL templates by the name of a schedule or a plan. */
  pings: Readonly<Record<string, string>>;
  observe: Observer;
  /** Now, as RFC 3339. */
  now: () => string;
  /** Default 10,000. */
  timeoutMs?: number;
  /** Default 1,000. */
  againAfterMs?: number;
}

const triesMax = 3;

export class Pings {
  readonly #options: Required<PingsOptions>;
  readonly #turns = new OneAtATime();
  readonly #underWay = new Set<Promise<void>>();

  constructor(options: PingsOptions) {
    this.#options = { timeoutMs: 10_000, againAfterMs: 1_000, ...options };
  }

  /** An attempt of the run begins. */
  started(run: RunContext): void {
    this.#send(run, '/start', 'preparing');
  }

  /** It is decided how the run ends. */
  ended(run: RunContext): void {
    const ending = run.ending ?? 'failed';
    this.#send(run, ending === 'completed' ? '' : '/fail', ending);
  }

  /** Resolves when no ping is under way, or `withinMs` are over: for an agent that ends. */
  async settled(withinMs: number): Promise<void> {
    await Promise.race([Promise.allSettled(this.#underWay), sleep(withinMs, undefined, { ref: false })]);
  }

  #send(run: RunContext, suffix: string, state: string): void {
    const { pings } = this.#options;
    // A plan's own URL goes before that of its schedule.
    const name = [run.plan, run.schedule ?? ''].find(each => Object.hasOwn(pings, each));
    const template = run.task === 'backup' && name !== undefined ? pings[name] : undefined;
    if (name === undefined || template === undefined) return;
    const words = { schedule: run.schedule ?? '', plan: run.plan, run: run.id, state };
    const sending = this.#turns
      .run(run.id, () => this.#try(run, name, pingUrl(template, words, suffix)))
      .finally(() => this.#underWay.delete(sending));
    this.#underWay.add(sending);
  }

  async #try({ task: kind, id }: RunContext, ping: string, url: URL): Promise<void> {
    const { timeoutMs, againAfterMs, observe, now } = this.#options;
    let message = '';
    for (let tries = 1; tries <= triesMax; tries += 1) {
      if (tries > 1) await sleep(againAfterMs, undefined, { ref: false });
      const wrong = await wrongWith(url, timeoutMs);
      if (wrong === undefined) return;
      message = `${url.origin} ${wrong}`;
    }
    observe({ fact: 'ping.failed', kind, id, ping, message, at: now() });
  }
}

/** The URL of a ping: the template with its words filled in, and `suffix` at the end of its path. */
export function pingUrl(
  template: string,
  words: Readonly<Record<'schedule' | 'plan' | 'run' | 'state', string>>,
  suffix: string,
): URL {
  const filled = template.replace(/\{(schedule|plan|run|state)\}/g, (_, word: keyof typeof words) =>
    encodeURIComponent(words[word]),
  );
  const url = new URL(filled);
  if (suffix !== '') url.pathname = `${url.pathname.replace(/\/$/, '')}${suffix}`;
  return url;
}

/** Sends one; resolves with what went wrong. The path may be a secret, so it is not told. */
async function wrongWith(url: URL, timeoutMs: number): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    await response.body?.cancel();
    return response.ok ? undefined : `answered ${response.status}`;
  } catch (error) {
    const { cause = error } = error as Error;
    return `did not answer: ${cause instanceof Error ? cause.message : String(cause)}`;
  }
}
