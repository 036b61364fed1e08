/**
 * One alarm for all deadlines of an actor: it rings for the nearest that was not told.
 *
 * 1. A deadline is told again after a step of another cause that left it standing, for its guard may hold now; once its
 *    telling led to a step it is not told again until its time changes, though its state was not left. Otherwise an
 *    inner transition on `deadline.passed` would go round for ever, a write each time.
 * 2. What was told is known in memory only: an actor that is restored is told of each deadline that is over.
 */
import { Alarm, type Clock } from '../core/clock.ts';
import { type Deadlines, nearestOf } from './deadlines.ts';

export class DeadlineAlarm extends Alarm {
  readonly #clock: Clock;
  readonly #deadlines: () => Deadlines;
  readonly #tell: (name: string) => void;
  /** Told since the last step. */
  #rung: Set<string> | undefined;
  /** By the times for which a telling led to a step. */
  #heard: Map<string, number> | undefined;
  #isArmed = false;

  constructor(clock: Clock, deadlines: () => Deadlines, tell: (name: string) => void) {
    super();
    this.#clock = clock;
    this.#deadlines = deadlines;
    this.#tell = tell;
  }

  arm(): void {
    this.disarm();
    this.#isArmed = true;
    const nearest = nearestOf(this.#deadlines(), name => this.#isTold(name));
    if (nearest !== Number.POSITIVE_INFINITY) this.#clock.set(this, nearest);
  }

  /** Takes the alarm back. May be called twice. */
  disarm(): void {
    this.#isArmed = false;
    this.#clock.unset(this);
  }

  /** A step is felt; `deadline` names the one whose telling led to it. */
  stepped(deadline: string | undefined): void {
    this.#rung = undefined;
    if (deadline === undefined) return;
    const at = this.#deadlines()[deadline];
    this.#heard ??= new Map();
    if (at === undefined) this.#heard.delete(deadline);
    else this.#heard.set(deadline, at);
  }

  #isTold(name: string): boolean {
    if (this.#rung?.has(name)) return true;
    const heardAt = this.#heard?.get(name);
    return heardAt !== undefined && heardAt === this.#deadlines()[name];
  }

  /** For the clock. */
  ring(): void {
    const now = this.#clock.now();
    for (const [name, at] of Object.entries(this.#deadlines())) {
      if (at > now || this.#isTold(name)) continue;
      this.#rung ??= new Set();
      this.#rung.add(name);
      this.#tell(name);
    }
    if (this.#isArmed) this.arm();
  }
}
