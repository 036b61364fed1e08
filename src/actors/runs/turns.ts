/** The turns of one agent: which of its runs have theirs, and the others in the order in which they were asked for. */
import { byAsked, obstacleOf, overlaps, type TurnAsked, type TurnLimits } from '../../domain/turn.ts';

interface Waiting {
  asked: TurnAsked;
  admit: () => void;
}

export class Turns {
  readonly #limits: TurnLimits;
  readonly #held = new Map<string, TurnAsked>();
  #waiting: Waiting[] = [];

  constructor(limits: TurnLimits) {
    this.#limits = limits;
  }

  /** Ids of the runs that have their turn. */
  get held(): string[] {
    return [...this.#held.keys()];
  }

  /** Holds a turn without waiting: for a run that had it before its agent was restarted. May be called twice. */
  hold(asked: TurnAsked): void {
    this.#held.set(asked.id, asked);
  }

  /** Holds a turn without waiting, whatever the limits are; false where a run of the same plan has its own. */
  holdAlone(asked: TurnAsked): boolean {
    if ([...this.#held.values()].some(each => overlaps(each, asked))) return false;
    this.hold(asked);
    return true;
  }

  /** Resolves when it is this run's turn, at once where it holds it; rejects with the signal's reason. */
  async take(asked: TurnAsked, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#held.has(asked.id)) return;
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        this.#waiting = this.#waiting.filter(each => each !== waiting);
        reject(signal.reason);
        this.#admit(); // whoever stood behind it
      };
      const admit = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const waiting: Waiting = { asked, admit };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting = [...this.#waiting, waiting].sort((one, other) => byAsked(one.asked, other.asked));
      this.#admit();
    });
  }

  /** Gives a turn back; may be called twice. */
  give(id: string): void {
    if (this.#held.delete(id)) this.#admit();
  }

  #admit(): void {
    const passed: Waiting[] = [];
    for (const waiting of this.#waiting) {
      const { asked } = waiting;
      const isBehind = passed.some(each => overlaps(each.asked, asked));
      if (isBehind || obstacleOf(asked, [...this.#held.values()], this.#limits)) {
        passed.push(waiting);
        continue;
      }
      this.#held.set(asked.id, asked);
      waiting.admit();
    }
    this.#waiting = passed;
  }
}
