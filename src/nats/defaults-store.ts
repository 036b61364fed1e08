/** Defaults in the bucket of plans. */
import type { Defaults } from '../domain/defaults.ts';
import type { DefaultsStore, StoredDefaults } from '../domain/defaults-store.ts';
import type { Link } from './connection.ts';
import { type DocumentKind, NamedDocuments } from './named-documents.ts';
import type { Names } from './names.ts';

export const defaultsDocuments: DocumentKind<'defaults', Defaults, StoredDefaults> = {
  kind: 'defaults',
  what: 'the Defaults',
  storedOf: ({ document, revision }) => ({ defaults: document, revision }),
};

export class NatsDefaultsStore extends NamedDocuments<'defaults', Defaults, StoredDefaults> implements DefaultsStore {
  constructor(link: Link, names: Names) {
    super(link, names, defaultsDocuments);
  }
}
