/** A write found that another owner's record is the effective one. */
import type { StoredRecord } from './record-store.ts';

export class Overtaken extends Error {
  override readonly name = 'Overtaken';
  readonly by: StoredRecord;

  constructor(key: string, by: StoredRecord) {
    const { agent = 'nobody', epoch = 0 } = by.record.owner ?? {};
    super(`${key} is run by another owner: ${agent}, epoch ${epoch}`);
    this.by = by;
  }
}
