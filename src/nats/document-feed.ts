/** All documents of the plans' bucket as they are, and then each change of one. */
import type { Link } from './connection.ts';
import { type Names, streamOf, subjectOf } from './names.ts';
import { openFeed } from './ordered-feed.ts';

/** Calls `see` with a key such as `plan.docs` and what is stored under it; resolves once all that was there was seen. */
export function followDocuments(
  link: Link,
  names: Names,
  see: (key: string, document: unknown) => void,
): Promise<() => void> {
  const bucket = names.plansBucket;
  const start = subjectOf(bucket, '').length;
  return openFeed(link, {
    stream: streamOf(bucket),
    filter: subjectOf(bucket, '>'),
    from: 'last-per-subject',
    afterLoss: 'resume',
    deliver: message => {
      const text = Buffer.from(message.data).toString();
      see(message.subject.slice(start), text === '' ? undefined : JSON.parse(text));
    },
  });
}
