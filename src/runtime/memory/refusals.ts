/** Refusals in memory: the newest ten thousand. */
import type { Refusal, Refusals } from '../mailboxes.ts';

const refusalsMax = 10_000;

export class MemoryRefusals implements Refusals {
  readonly #refusals = new Map<string, Refusal>();

  async record(refusal: Refusal): Promise<void> {
    const key = `${refusal.kind}.${refusal.id}.${refusal.token}`;
    if (this.#refusals.has(key)) return;
    this.#refusals.set(key, structuredClone(refusal));
    for (const oldest of this.#refusals.keys()) {
      if (this.#refusals.size <= refusalsMax) break;
      this.#refusals.delete(oldest);
    }
  }

  async find(kind: string, id: string, token: string): Promise<Refusal | undefined> {
    return this.#refusals.get(`${kind}.${id}.${token}`);
  }
}
