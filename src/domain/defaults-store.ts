/** Where Defaults are kept. */
import type { Defaults } from './defaults.ts';
import type { DocumentStore } from './document-store.ts';

export interface StoredDefaults {
  defaults: Defaults;
  /** Counts the changes of these Defaults, from 1; what is put again after a deletion goes on counting. */
  revision: number;
}

export type DefaultsStore = DocumentStore<Defaults, StoredDefaults>;
