/**
 * Turns: how many runs an agent works on at once, in the order in which they asked. Runs that write to one plan never
 * overlap, whoever starts them.
 */
import type { RunKind } from '../domain/run.ts';

export interface TurnAsked {
  id: string;
  plan: string;
  task: RunKind;
}

export interface TurnLimits {
  runs: number;
  restores: number;
}

interface Waiting {
  asked: TurnAsked;
  since: number;
  admit: () => void;
}

export class Turns {
  readonly #limits: TurnLimits;
  readonly #held = new Map<string, TurnAsked>();
  #waiting: Waiting[] = [];

  constructor(limits: TurnLimits) {
    this.#limits = limits;
  }

  /** Those that wait, first come first. */
  get waiting(): readonly { asked: TurnAsked; since: number }[] {
    return this.#waiting;
  }

  /** Holds a turn without waiting: for a run that had it before its agent was restarted. May be called twice. */
  hold(asked: TurnAsked): void {
    this.#held.set(asked.id, asked);
  }

  /** Resolves when it is this run's turn, at once where it holds it; rejects with the signal's reason. */
  async take(asked: TurnAsked, since: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#held.has(asked.id)) return;
    await new Promise<void>((resolve, reject) => {
      const waiting: Waiting = { asked, since, admit: resolve };
      signal.addEventListener('abort', () => {
        this.#waiting = this.#waiting.filter(each => each !== waiting);
        reject(signal.reason);
      });
      this.#waiting.push(waiting);
      this.#admit();
    });
  }

  /** Gives a turn back; may be called twice. */
  give(id: string): void {
    this.#held.delete(id);
    this.#admit();
  }

  /** What stands before a run: nothing when it holds its turn. */
  obstacleOf(asked: TurnAsked): string | undefined {
    if (this.#held.has(asked.id)) return undefined;
    const other = [...this.#held.values()].find(held => overlaps(held, asked));
    if (other) return `${other.task} ${other.id} of the same plan`;
    const of = kindOf(asked);
    const count = [...this.#held.values()].filter(held => kindOf(held) === of).length;
    return count >= this.#limits[of]
      ? `a place among the ${this.#limits[of]} ${of} that the agent works on at once`
      : undefined;
  }

  #admit(): void {
    const passed: Waiting[] = [];
    for (const waiting of this.#waiting) {
      const behind = passed.some(each => overlaps(each.asked, waiting.asked));
      if (behind || this.obstacleOf(waiting.asked)) {
        passed.push(waiting);
        continue;
      }
      this.#held.set(waiting.asked.id, waiting.asked);
      waiting.admit();
    }
    this.#waiting = passed;
  }
}

function kindOf({ task }: TurnAsked): keyof TurnLimits {
  return task === 'restore' ? 'restores' : 'runs';
}

/** Both write to the plan's repository or delete from it. */
function overlaps(one: TurnAsked, other: TurnAsked): boolean {
  return one.plan === other.plan && writes(one.task) && writes(other.task);
}

function writes(task: RunKind): boolean {
  return task === 'backup' || task === 'snapshot' || task === 'prune';
}
