/** The schema of a command that says nothing but its name, a person's words and the id of the request. */
import { nearest } from './nearest.ts';
import type { Schema, SchemaIssue } from './schema.ts';

export interface PlainCommand<Type extends string = string> {
  type: Type;
  /** A person's words, kept in the record; at most 1,000 characters. */
  note?: string | undefined;
  /** Makes a repeat harmless; 1 to 128 characters. */
  requestId?: string | undefined;
}

/** A strict schema: unknown fields are refused, with their path. */
export function plainCommand<Type extends string>(type: Type): Schema<PlainCommand<Type>> {
  return { '~standard': { version: 1, vendor: 'reeve', validate: value => judged(type, value) } };
}

function judged<Type extends string>(type: Type, value: unknown) {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { issues: [{ message: 'is not an object' }] };
  const issues: SchemaIssue[] = [];
  for (const [field, content] of Object.entries(value)) {
    const wrong = wrongIn(field, content, type);
    if (wrong) issues.push({ message: wrong, path: [field] });
  }
  if (!Object.hasOwn(value, 'type')) issues.push({ message: `is missing; it must be ${type}`, path: ['type'] });
  return issues.length > 0 ? { issues } : { value: value as PlainCommand<Type> };
}

function wrongIn(field: string, content: unknown, type: string): string | undefined {
  if (field === 'type') return content === type ? undefined : `must be ${type}`;
  if (field === 'note') return isText(content, 0, 1_000) ? undefined : 'must be a text of at most 1,000 characters';
  if (field === 'requestId') return isText(content, 1, 128) ? undefined : 'must be a text of 1 to 128 characters';
  const near = nearest(field, ['type', 'note', 'requestId']);
  return `is not a known field${near ? `; did you mean ${near}?` : ' (known here: type, note, requestId)'}`;
}

function isText(content: unknown, least: number, most: number): boolean {
  return content === undefined || (typeof content === 'string' && content.length >= least && content.length <= most);
}
