/**
 * Documents of one kind that people write, in the bucket of plans. A deleted one stays as a tombstone document: its
 * revision goes on counting when it is put again, and the requests that it answered are still known.
 */
import { isDeepStrictEqual } from 'node:util';
import type { DocumentStore, PutOptions } from '../domain/document-store.ts';
import type { Pause } from '../domain/pause.ts';
import type { Link } from './connection.ts';
import { Documents } from './documents.ts';
import type { Names } from './names.ts';

/** What stands under `<kind>.<name>`; the document itself under the name of its kind. */
export type Kept<Kind extends string, Document> = Record<Kind, Document | null> & {
  revision: number;
  /** Plans only; absent in what an older version wrote. */
  paused?: Pause | null;
  requests: Request[];
};

/** The newest last. `revision` is what was answered, null for a deletion; `pause` marks a pause or its end. */
interface Request {
  id: string;
  revision: number | null;
  pause?: true;
}

/** A document that is there. */
export interface Live<Document> {
  document: Document;
  revision: number;
  paused: Pause | null;
}

const requestsMax = 32;

/** How documents of a kind are kept, and handed out. */
export interface DocumentKind<Kind extends string, Document, Stored> {
  kind: Kind;
  /** Names them in errors, such as `the plans`. */
  what: string;
  storedOf: (live: Live<Document>) => Stored;
}

export class NamedDocuments<Kind extends string, Document extends { name: string }, Stored>
  implements DocumentStore<Document, Stored>
{
  readonly #documents: Documents<Kept<Kind, Document>>;
  readonly #kind: Kind;
  readonly #storedOf: (live: Live<Document>) => Stored;

  constructor(link: Link, names: Names, { kind, what, storedOf }: DocumentKind<Kind, Document, Stored>) {
    this.#documents = new Documents(link, names.plansBucket, what);
    this.#kind = kind;
    this.#storedOf = storedOf;
  }

  async get(name: string): Promise<Stored | undefined> {
    const stored = await this.#documents.read(this.#keyOf(name));
    const live = stored && liveOf(this.#kind, stored.document);
    return live && this.#storedOf(live);
  }

  async list(): Promise<Stored[]> {
    return this.#listed(await this.#documents.list(`${this.#kind}.`));
  }

  /** The same from memory, as long as nothing changed; to be read only. */
  async listKept(): Promise<Stored[]> {
    return this.#listed(await this.#documents.listKept(`${this.#kind}.`));
  }

  #listed(kept: readonly Kept<Kind, Document>[]): Stored[] {
    const live = kept.flatMap(each => liveOf(this.#kind, each) ?? []);
    live.sort((one, other) => (one.document.name < other.document.name ? -1 : 1));
    return live.map(this.#storedOf);
  }

  async put(document: Document, { requestId }: PutOptions = {}): Promise<{ revision: number }> {
    let answer = 0;
    await this.#documents.change(this.#keyOf(document.name), now => {
      const answered = now?.requests.find(each => each.id === requestId && each.revision !== null && !each.pause);
      if (answered?.revision) {
        answer = answered.revision;
        return undefined;
      }
      const isSame = isDeepStrictEqual(now?.[this.#kind], document);
      answer = (now?.revision ?? 0) + (isSame ? 0 : 1);
      if (isSame && requestId === undefined) return undefined;
      return this.#kept(document, answer, now?.paused ?? null, remembered(now, requestId, answer));
    });
    return { revision: answer };
  }

  async delete(name: string, { requestId }: PutOptions = {}): Promise<boolean> {
    let existed = false;
    await this.#documents.change(this.#keyOf(name), now => {
      const isRepeat = now?.requests.some(each => each.id === requestId && each.revision === null) ?? false;
      existed ||= isRepeat;
      if (!now?.[this.#kind] || isRepeat) return undefined; // one that was put again since is not the one that it deleted
      existed = true;
      return this.#kept(null, now.revision + 1, null, remembered(now, requestId, null));
    });
    return existed;
  }

  /** For plans; see PlanStore. */
  async pause(name: string, pause: Pause | null, { requestId }: PutOptions = {}): Promise<boolean> {
    let isThere = false;
    await this.#documents.change(this.#keyOf(name), now => {
      const document = now?.[this.#kind];
      isThere = document != null;
      if (!now || !document) return undefined;
      if (now.requests.some(each => each.id === requestId && each.pause)) return undefined;
      if (isDeepStrictEqual(now.paused ?? null, pause) && requestId === undefined) return undefined;
      return this.#kept(document, now.revision, pause, remembered(now, requestId, now.revision, { pause: true }));
    });
    return isThere;
  }

  #keyOf(name: string): string {
    return `${this.#kind}.${name}`;
  }

  #kept(document: Document | null, revision: number, paused: Pause | null, requests: Request[]): Kept<Kind, Document> {
    const kept = { [this.#kind]: document, revision, ...(paused && { paused }), requests };
    return kept as unknown as Kept<Kind, Document>;
  }
}

/** The document, unless it is a tombstone. */
export function liveOf<Kind extends string, Document>(
  kind: Kind,
  kept: Kept<Kind, Document>,
): Live<Document> | undefined {
  const document = kept[kind];
  return document === null ? undefined : { document, revision: kept.revision, paused: kept.paused ?? null };
}

function remembered(
  now: { requests: Request[] } | undefined,
  id: string | undefined,
  revision: number | null,
  more: Pick<Request, 'pause'> = {},
): Request[] {
  const requests = now?.requests ?? [];
  return (id === undefined ? requests : [...requests, { id, revision, ...more }]).slice(-requestsMax);
}
