/** What the lists of documents have in common: by name, those of certain labels, a page at a time. */
import { z } from 'zod';
import { nameText } from '../../domain/texts.ts';

type Labels = Readonly<Record<string, string>>;

export const listFields = {
  labels: z.record(z.string(), z.string()).optional(),
  limit: z.int().min(1).max(10_000).optional(),
  /** Only names that come after this one: the last of the page before. */
  after: nameText.optional(),
};

export type ListInput = z.infer<z.ZodObject<typeof listFields>>;

/** The page of some documents, which are in the order of their names, that was asked for. */
export function pageOf<Stored>(
  all: readonly Stored[],
  { labels = {}, limit = 1_000, after = '' }: ListInput,
  of: (stored: Stored) => { name: string; labels: Labels | undefined },
): Stored[] {
  const wanted = Object.entries(labels);
  return all
    .filter(stored => {
      const { name, labels: own = {} } = of(stored);
      return name > after && wanted.every(([key, value]) => Object.hasOwn(own, key) && own[key] === value);
    })
    .slice(0, limit);
}
