/** Plans in their bucket, each read with the Defaults that are kept beside it. */
import { type Defaults, effectivePlan, withDefaults } from '../domain/defaults.ts';
import type { PutOptions } from '../domain/document-store.ts';
import type { Pause } from '../domain/pause.ts';
import type { PlanDocument } from '../domain/plan.ts';
import type { PlanStore, StoredPlan, WrittenPlan } from '../domain/plan-store.ts';
import type { Link } from './connection.ts';
import { NatsDefaultsStore } from './defaults-store.ts';
import { type DocumentKind, NamedDocuments } from './named-documents.ts';
import type { Names } from './names.ts';

export const planDocuments: DocumentKind<'plan', PlanDocument, WrittenPlan> = {
  kind: 'plan',
  what: 'the plans',
  storedOf: ({ document, revision, paused }) => ({ written: document, revision, paused }),
};

export class NatsPlanStore implements PlanStore {
  readonly #documents: NamedDocuments<'plan', PlanDocument, WrittenPlan>;
  readonly #defaults: NatsDefaultsStore;

  constructor(link: Link, names: Names) {
    this.#documents = new NamedDocuments(link, names, planDocuments);
    this.#defaults = new NatsDefaultsStore(link, names);
  }

  async get(name: string): Promise<StoredPlan | undefined> {
    const [live, defaults] = await Promise.all([this.getWritten(name), this.#allDefaults()]);
    return live && withDefaults(live, defaults);
  }

  async list(): Promise<StoredPlan[]> {
    const [all, defaults] = await Promise.all([this.listWritten(), this.#allDefaults()]);
    return all.flatMap(live => {
      const merged = effectivePlan(live.written, defaults);
      return 'plan' in merged ? [{ plan: merged.plan, ...live }] : [];
    });
  }

  getWritten(name: string): Promise<WrittenPlan | undefined> {
    return this.#documents.get(name);
  }

  listWritten(): Promise<WrittenPlan[]> {
    return this.#documents.list();
  }

  put(plan: PlanDocument, options?: PutOptions): Promise<{ revision: number }> {
    return this.#documents.put(plan, options);
  }

  pause(name: string, pause: Pause | null, options?: PutOptions): Promise<boolean> {
    return this.#documents.pause(name, pause, options);
  }

  delete(name: string, options?: PutOptions): Promise<boolean> {
    return this.#documents.delete(name, options);
  }

  async #allDefaults(): Promise<Defaults[]> {
    return (await this.#defaults.listKept()).map(({ defaults }) => defaults);
  }
}
