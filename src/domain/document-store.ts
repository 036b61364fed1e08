/** Where documents of one kind are kept, by their names. Each counts its changes, and remembers what it answered. */

export interface PutOptions {
  requestId?: string | undefined;
}

export interface DocumentStore<Document, Stored> {
  get(name: string): Promise<Stored | undefined>;
  /** By name. */
  list(): Promise<Stored[]>;
  /**
   * Stores a document. The same again changes nothing and answers the revision that it has; a `requestId` that was
   * answered before gets that answer (the last 32 of each document are kept).
   */
  put(document: Document, options?: PutOptions): Promise<{ revision: number }>;
  /** Deletes a document; false where there was none (a repeat of the `requestId` that deleted it answers true). */
  delete(name: string, options?: PutOptions): Promise<boolean>;
}
