/**
 * Plans in their bucket. A deleted plan stays as a tombstone document: its revision goes on counting when it is put
 * again, and the requests that it answered are still known.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Pause } from '../domain/pause.ts';
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
  /** Absent in what an older version wrote. */
  paused?: Pause | null;
  /** The newest last. `revision` is what was answered, null for a deletion; `pause` marks a pause or its end. */
  requests: Request[];
}

interface Request {
  id: string;
  revision: number | null;
  pause?: true;
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
      const answered = now?.requests.find(
        each => each.id === options.requestId && each.revision !== null && !each.pause,
      )?.revision;
      if (answered) {
        answer = answered;
        return undefined;
      }
      const isSame = isDeepStrictEqual(now?.plan, plan);
      answer = (now?.revision ?? 0) + (isSame ? 0 : 1);
      if (isSame && options.requestId === undefined) return undefined;
      return {
        plan,
        revision: answer,
        paused: now?.paused ?? null,
        requests: remember(now, options.requestId, answer),
      };
    });
    return { revision: answer };
  }

  async pause(name: string, pause: Pause | null, options: { requestId?: string } = {}): Promise<boolean> {
    let isThere = false;
    await this.#documents.change(keyOf(name), now => {
      isThere = now?.plan != null;
      if (!now?.plan) return undefined;
      if (now.requests.some(each => each.id === options.requestId && each.pause)) return undefined;
      if (isDeepStrictEqual(now.paused ?? null, pause) && options.requestId === undefined) return undefined;
      const requests = remember(now, options.requestId, now.revision, { pause: true });
      return { ...now, paused: pause, requests };
    });
    return isThere;
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
  const { plan, revision, paused = null } = document;
  return plan ? { plan, revision, paused } : undefined;
}

function remember(
  now: PlanDocument | undefined,
  id: string | undefined,
  revision: number | null,
  more: Pick<Request, 'pause'> = {},
): Request[] {
  const requests = now?.requests ?? [];
  return (id === undefined ? requests : [...requests, { id, revision, ...more }]).slice(-requestsMax);
}
