/** An error that nobody expected: what is told of it. */
import type { Defect } from './runtime-facts.ts';

/** Whatever was thrown, as an error. */
export function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** The fact of an error that the part `where` of the system met `at` (RFC 3339). */
export function defectOf(where: string, thrown: unknown, at: string): Defect {
  const { message, stack = null } = errorOf(thrown);
  return { fact: 'defect', where, message, stack, at };
}
