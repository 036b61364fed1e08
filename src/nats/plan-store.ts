/**
 * Plans in their bucket. A deleted plan stays as a tombstone document: its revision goes on counting when it is put
 * again, and the requests that it answered are still known.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Plan } from '../domain/plan.ts';
import type { PlanStore, StoredPlan } from '../domain/plan-store.ts';
import type { Link } from './connection.ts';
import { Documents } from './documents.ts';
import type { Names } from './names.ts';

/** What the bucket holds under `plan.<name>`. */
interface PlanDocument {
  /** Null once it was deleted. */
  plan: Plan | null;
  revision: number;
  /** The newest last. `revision` is what was answered; null for a deletion. */
  requests: { id: string; revision: number | null }[];
}

const requestsMax = 32;

export class NatsPlanStore implements PlanStore {
  readonly #documents: Documents<PlanDocument>;

  constructor(link: Link, names: Names) {
    this.#documents = new Documents(link, names.plansBucket, 'the plans');
  }

  async get(name: string): Promise<StoredPlan | undefined> {
    const stored = await this.#documents.read(keyOf(name));
    return stored && storedPlan(stored.document);
  }

  async list(): Promise<StoredPlan[]> {
    const documents = await this.#documents.list('plan.');
    const plans = documents.flatMap(document => storedPlan(document) ?? []);
    return plans.sort((one, other) => (one.plan.name < other.plan.name ? -1 : 1));
  }

  async put(plan: Plan, options: { requestId?: string } = {}): Promise<{ revision: number }> {
    let answer = 0;
    await this.#documents.change(keyOf(plan.name), now => {
      const answered = now?.requests.find(each => each.id === options.requestId && each.revision !== null)?.revision;
      if (answered) {
        answer = answered;
        return undefined;
      }
      const isSame = isDeepStrictEqual(now?.plan, plan);
      answer = (now?.revision ?? 0) + (isSame ? 0 : 1);
      if (isSame && options.requestId === undefined) return undefined;
      return { plan, revision: answer, requests: remember(now, options.requestId, answer) };
    });
    return { revision: answer };
  }

  async delete(name: string, options: { requestId?: string } = {}): Promise<boolean> {
    let existed = false;
    await this.#documents.change(keyOf(name), now => {
      const isRepeat = now?.requests.some(each => each.id === options.requestId && each.revision === null) ?? false;
      existed ||= isRepeat;
      if (!now?.plan || isRepeat) return undefined; // a plan that was put again since is not the one that it deleted
      existed = true;
      return { plan: null, revision: now.revision + 1, requests: remember(now, options.requestId, null) };
    });
    return existed;
  }
}

function keyOf(name: string): string {
  return `plan.${name}`;
}

function storedPlan(document: PlanDocument): StoredPlan | undefined {
  return document.plan ? { plan: document.plan, revision: document.revision } : undefined;
}

function remember(now: PlanDocument | undefined, id: string | undefined, revision: number | null) {
  const requests = now?.requests ?? [];
  return (id === undefined ? requests : [...requests, { id, revision }]).slice(-requestsMax);
}
