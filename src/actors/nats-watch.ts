/**
 * Tells that NATS is away and that it is back, once each. It is back once it answers: a server that stands still, such as
 * one whose disk was full, takes connections and loses them again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { timeText } from '../core/time-text.ts';
import type { Observer } from '../domain/facts.ts';
import type { Link } from '../nats/connection.ts';

export interface NatsWatchOptions {
  link: Pick<Link, 'onChange' | 'isUp' | 'isClosed'>;
  /** Asks NATS anything; rejects where no answer comes in some time. */
  ask: () => Promise<unknown>;
  observe: Observer;
  /** Milliseconds since the epoch. */
  now: () => number;
}

const againMs = 1_000;
const down = 'the link to NATS is down; runs go on, and what they write is journalled';
const still =
  'NATS takes connections and answers nothing; runs go on, and what they write is journalled. See its log and the room on its disk, and restart it';

export function watchNats({ link, ask, observe, now }: NatsWatchOptions): void {
  let awaySince: number | undefined;
  let isAsking = false;
  let isStill = false;
  const tell = (message: string) => observe({ fact: 'nats.away', message, at: timeText(now()) });
  const hear = async () => {
    isAsking = true;
    while (awaySince !== undefined && link.isUp) {
      if (await answers(ask)) {
        observe({ fact: 'nats.back', awayMs: now() - awaySince, at: timeText(now()) });
        awaySince = undefined;
      } else {
        if (!isStill) tell(still);
        isStill = true;
        await sleep(againMs, undefined, { ref: false });
      }
    }
    isAsking = false;
  };
  link.onChange(isUp => {
    if (!isUp && awaySince === undefined && !link.isClosed) {
      awaySince = now();
      isStill = false;
      tell(down);
    }
    if (isUp && !isAsking) void hear();
  });
}

function answers(ask: () => Promise<unknown>): Promise<boolean> {
  return ask().then(
    () => true,
    () => false,
  );
}
