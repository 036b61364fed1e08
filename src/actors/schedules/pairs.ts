/**
 * Which pairs of schedule and plan there should be: a schedule names one plan, or selects plans by their labels. It is told
 * of each change of a document, and answers with the pairs that the change concerns, without a look at the others.
 */
import { scheduleActorId } from '../../domain/schedule.ts';

/** What is read of a schedule's document to find its plans. */
export interface Selecting {
  plan?: string | undefined;
  plans?: { labels: Readonly<Record<string, string>> } | undefined;
}

export interface Pair {
  schedule: string;
  plan: string;
}

type Labels = Readonly<Record<string, string>>;

/** The pair of an actor's id: names have no double dash. */
export function pairOf(id: string): Pair {
  const [schedule = '', plan = ''] = id.split('--');
  return { schedule, plan };
}

export class Pairs<Schedule extends Selecting> {
  readonly #plans = new Map<string, Labels>();
  readonly #schedules = new Map<string, Schedule>();
  /** Schedules that name a plan, by it; those that select are few. */
  readonly #naming = new Map<string, Set<string>>();
  readonly #selecting = new Set<string>();
  /** Ids of the pairs of each schedule. */
  readonly #pairs = new Map<string, Set<string>>();

  /** How many pairs there are. */
  get size(): number {
    let size = 0;
    for (const ids of this.#pairs.values()) size += ids.size;
    return size;
  }

  /** The ids of all pairs. */
  *ids(): Iterable<string> {
    for (const ids of this.#pairs.values()) yield* ids;
  }

  has(id: string): boolean {
    return this.#pairs.get(pairOf(id).schedule)?.has(id) ?? false;
  }

  schedule(name: string): Schedule | undefined {
    return this.#schedules.get(name);
  }

  /** A plan was put, or with undefined deleted. Answers the pairs that came or went. */
  planChanged(name: string, labels: Labels | undefined): string[] {
    if (labels) this.#plans.set(name, labels);
    else this.#plans.delete(name);
    const changed: string[] = [];
    for (const schedule of [...(this.#naming.get(name) ?? []), ...this.#selecting]) {
      const document = this.#schedules.get(schedule);
      const id = scheduleActorId(schedule, name);
      const isWanted = labels !== undefined && document !== undefined && selects(document, name, labels);
      if (this.#set(schedule, id, isWanted)) changed.push(id);
    }
    return changed;
  }

  /** A schedule was put, or with undefined deleted. Answers its pairs, those that went among them. */
  scheduleChanged(name: string, document: Schedule | undefined): string[] {
    const before = this.#pairs.get(name) ?? new Set();
    this.#index(name, document);
    const wanted = new Set(document ? this.#plansOf(document).map(plan => scheduleActorId(name, plan)) : []);
    if (wanted.size > 0) this.#pairs.set(name, wanted);
    else this.#pairs.delete(name);
    return [...new Set([...before, ...wanted])];
  }

  #index(name: string, document: Schedule | undefined): void {
    const before = this.#schedules.get(name);
    if (before?.plan !== undefined) {
      const naming = this.#naming.get(before.plan);
      naming?.delete(name);
      if (naming?.size === 0) this.#naming.delete(before.plan);
    }
    this.#selecting.delete(name);
    if (!document) {
      this.#schedules.delete(name);
      return;
    }
    this.#schedules.set(name, document);
    if (document.plan === undefined) this.#selecting.add(name);
    else this.#naming.set(document.plan, (this.#naming.get(document.plan) ?? new Set()).add(name));
  }

  #plansOf(document: Schedule): string[] {
    if (document.plan !== undefined) return this.#plans.has(document.plan) ? [document.plan] : [];
    return [...this.#plans].flatMap(([plan, labels]) => (selects(document, plan, labels) ? [plan] : []));
  }

  /** True where that changes anything. */
  #set(schedule: string, id: string, isWanted: boolean): boolean {
    const ids = this.#pairs.get(schedule) ?? new Set();
    if (ids.has(id) === isWanted) return false;
    if (isWanted) this.#pairs.set(schedule, ids.add(id));
    else ids.delete(id);
    return true;
  }
}

function selects({ plan: named, plans }: Selecting, plan: string, labels: Labels): boolean {
  if (named !== undefined) return named === plan;
  return plans !== undefined && Object.entries(plans.labels).every(([key, value]) => labels[key] === value);
}
