/** Lists in answers of the wire, as rows for tables. */
import { isObject } from '../view/wire.ts';

/** The objects of a list; anything else is left out. */
export function rowsOf(list: unknown): Record<string, unknown>[] {
  return Array.isArray(list) ? list.filter(isObject) : [];
}

/** A cell for text or a number; undefined for anything else. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

/** A repository as documents name it: a name, or `{path}`. */
export function shownReference(repository: unknown): string | undefined {
  return isObject(repository) ? textOf(repository.path) : textOf(repository);
}
