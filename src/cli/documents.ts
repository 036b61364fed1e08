/** Documents that people write: YAML, several to a file, each with its kind. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { AnswerError } from '../core/answer-error.ts';
import { isObject } from '../view/wire.ts';

export interface WrittenDocument {
  /** Where it stands, for messages: the file, and which of its documents where there are several. */
  where: string;
  /** Its `kind`; empty where it has none. */
  kind: string;
  /** The document without `kind`. */
  body: Record<string, unknown>;
}

/** Deep aliases are how a small YAML file fills a machine's memory. */
const aliasesMax = 100;

/** The documents of a text; empty ones are left out. Throws `invalid` with the place of what is not YAML. */
export function parseDocuments(where: string, text: string): WrittenDocument[] {
  const parsed = [parseAllDocuments(text)].flat();
  const documents = parsed.map((document, index) => {
    const place = parsed.length > 1 ? `${where}, document ${index + 1}` : where;
    const [error] = document.errors;
    if (error) throw notYaml(place, error);
    try {
      return { place, value: document.toJS({ maxAliasCount: aliasesMax }) as unknown };
    } catch (cause) {
      throw notYaml(place, cause as Error); // aliases: of an anchor that is not there, or too many
    }
  });
  return documents
    .filter(({ value }) => value !== null && value !== undefined)
    .map(({ place, value }) => {
      if (!isObject(value))
        throw new AnswerError('invalid', `${place} is not a mapping`, 'a document begins with `kind:`');
      const { kind, ...body } = value;
      return { where: place, kind: typeof kind === 'string' ? kind : '', body };
    });
}

function notYaml(place: string, cause: Error): AnswerError {
  return new AnswerError('invalid', `${place}: ${cause.message.split('\n')[0]}`, 'correct the YAML there', { cause });
}

/**
 * The documents of a file, or of all `.yaml` and `.yml` files of a directory in the order of their names; of those in
 * its directories only where it is `recursive`.
 */
export async function readDocuments(path: string, recursive = false): Promise<WrittenDocument[]> {
  const files = await filesOf(path, recursive).catch((cause: Error) => {
    throw new AnswerError(
      'invalid',
      `cannot read ${path}: ${cause.message}`,
      'name a file or a directory that is there',
      { cause },
    );
  });
  const documents: WrittenDocument[] = [];
  for (const file of files) documents.push(...parseDocuments(file, await readFile(file, 'utf8')));
  if (documents.length === 0)
    throw new AnswerError('invalid', `${path} has no documents`, 'a directory is read for its .yaml and .yml files');
  return documents;
}

async function filesOf(path: string, recursive: boolean): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const names = await readdir(path, { recursive });
  return names
    .filter(name => /\.ya?ml$/.test(name))
    .sort()
    .map(name => join(path, name));
}
