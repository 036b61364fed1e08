/** All documents of a kind, as the lists of the wire have them: a page at a time, for NATS lets a megabyte pass. */
import { rowsOf } from './answer-rows.ts';
import { type KindName, kinds } from './document-set.ts';
import type { Session } from './session.ts';

const pageMax = 400;

export async function documentRows(session: Session, kind: KindName): Promise<Record<string, unknown>[]> {
  const { noun, list } = kinds[kind];
  const rows: Record<string, unknown>[] = [];
  for (;;) {
    const last = rows.at(-1);
    const answer = await session.request(`${noun}.list`, { limit: pageMax, ...(last && { after: String(last.name) }) });
    const page = rowsOf(answer[list]);
    rows.push(...page);
    if (page.length < pageMax) return rows;
  }
}
