/** A feed of the documents that people write: all that there are, and then each change. */
import type { DocumentsHeard } from '../domain/document-feed.ts';
import type { Link } from './connection.ts';
import { defaultsDocuments } from './defaults-store.ts';
import { streamInfo } from './jetstream.ts';
import { type DocumentKind, type Kept, liveOf } from './named-documents.ts';
import { type Names, streamOf, subjectOf } from './names.ts';
import { openFeed } from './ordered-feed.ts';
import { patiently } from './patience.ts';
import { planDocuments } from './plan-store.ts';
import { scheduleDocuments } from './schedule-store.ts';

/**
 * Tells `heard` of each document that there is, and then of each change, until the returned function is called. Resolves
 * once it has told all that there were. It goes on by itself after a reconnection, with nothing left out.
 */
export function followDocuments(link: Link, names: Names, heard: DocumentsHeard): Promise<() => void> {
  const start = subjectOf(names.plansBucket, '').length;
  return openFeed(link, {
    stream: streamOf(names.plansBucket),
    filter: subjectOf(names.plansBucket, '>'),
    from: 'last-per-subject',
    afterLoss: 'resume',
    deliver: ({ subject, seq, data }) => {
      heard.change?.(seq);
      const [kind = '', name = ''] = subject.slice(start).split('.');
      if (kind === 'plan') tell(planDocuments, name, data, heard.plan);
      if (kind === 'schedule') tell(scheduleDocuments, name, data, heard.schedule);
      if (kind === 'defaults') tell(defaultsDocuments, name, data, heard.defaults);
    },
  });
}

/** The place of the newest change of all documents, asked where changes are decided. */
export function newestChange(link: Link, names: Names): Promise<number> {
  return patiently('the plans', async () => {
    const info = await streamInfo(link, streamOf(names.plansBucket));
    return info?.state.last_seq ?? 0;
  });
}

function tell<Kind extends string, Document, Stored>(
  { kind, storedOf }: DocumentKind<Kind, Document, Stored>,
  name: string,
  data: Uint8Array,
  heard: ((name: string, stored: Stored | undefined) => void) | undefined,
): void {
  if (!heard) return;
  const kept = data.length > 0 ? (JSON.parse(Buffer.from(data).toString()) as Kept<Kind, Document>) : undefined;
  const live = kept && liveOf(kind, kept); // without a body it was deleted by hand
  heard(name, live && storedOf(live));
}
