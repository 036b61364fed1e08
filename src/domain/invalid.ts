/** What is wrong with a document, in one line an issue: the path, what is wrong there, and the nearest known field. */
import type { z } from 'zod';
import { nearest } from '../core/nearest.ts';
import { printable } from '../core/printable.ts';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** Most lines that are told of one document; the rest is counted. */
const linesMax = 20;

/**
 * All that is wrong, in one line. With `schema`, unknown fields come with the nearest known one; with `value` (what was
 * checked), a missing field is told as missing.
 */
export function wrongOf(error: z.core.$ZodError, schema?: z.core.$ZodType, value?: unknown): string {
  return wrongLinesOf(error, schema, value).join('; ');
}

/** The same, a line an issue. */
export function wrongLinesOf(error: z.core.$ZodError, schema?: z.core.$ZodType, value?: unknown): string[] {
  const lines = [...new Set(error.issues.flatMap(issue => linesOf(issue, [], schema, value)))];
  if (lines.length <= linesMax) return lines;
  return [...lines.slice(0, linesMax), `and ${lines.length - linesMax} more`];
}

function linesOf(issue: Issue, above: Path, schema: z.core.$ZodType | undefined, value: unknown): string[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map(key => `${textOf([...path, key])}: is not a known field${suggestion(key, schema, path)}`);
  if (issue.code === 'invalid_union') {
    const branch = likeliest(issue.errors);
    if (branch) return branch.flatMap(inner => linesOf(inner, path, schema, value));
    // No branch was tried: the field that chooses one, which the path ends in, has a value that none has.
    if (value !== undefined && at(value, path) === undefined) return [line(path, 'is missing')];
    return [line(path, `must be ${literalsAt(schema, path).join(' or ') || 'one of the known kinds'}`)];
  }
  if (issue.code === 'invalid_type') {
    const missing = value !== undefined && at(value, path) === undefined;
    return [line(path, missing ? 'is missing' : `must be ${withArticle(issue.expected)}`)];
  }
  if (issue.code === 'invalid_value') return [line(path, `must be ${issue.values.map(String).join(' or ')}`)];
  if (issue.code === 'too_small' && isNumber(issue)) return [line(path, `must be at least ${issue.minimum}`)];
  if (issue.code === 'too_big' && isNumber(issue)) return [line(path, `must be at most ${issue.maximum}`)];
  return [line(path, issue.message)];
}

function isNumber({ origin, inclusive }: { origin: string; inclusive?: boolean }): boolean {
  return (origin === 'number' || origin === 'int') && inclusive === true;
}

/** Of a union's branches, the one that the writer most likely meant: the one that got furthest with the fewest faults. */
function likeliest(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const cost = (issues: readonly Issue[]) =>
    issues.reduce((sum, issue) => sum + (issue.path.length === 0 && issue.code === 'invalid_type' ? 100 : 1), 0);
  return [...branches].sort((left, right) => cost(left) - cost(right))[0];
}

function suggestion(key: string, schema: z.core.$ZodType | undefined, path: Path): string {
  const known = schema ? [...new Set(shapesAt(schema, path).flatMap(shape => Object.keys(shape)))] : [];
  const near = nearest(key, known);
  if (near) return `; did you mean ${near}?`;
  return known.length > 0 && known.length <= 12 ? ` (known here: ${known.join(', ')})` : '';
}

/** The shapes of the objects that may stand at a path: several where a union allows several. */
function shapesAt(schema: z.core.$ZodType, path: Path): Record<string, z.core.$ZodType>[] {
  const definition = (schema as z.core.$ZodTypes)._zod.def;
  switch (definition.type) {
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'readonly':
      return shapesAt(definition.innerType, path);
    case 'pipe':
      return shapesAt(definition.in, path);
    case 'union':
      return definition.options.flatMap(option => shapesAt(option, path));
    case 'array':
      return path.length > 0 ? shapesAt(definition.element, path.slice(1)) : [];
    case 'record':
      return path.length > 0 ? shapesAt(definition.valueType, path.slice(1)) : [];
    case 'object': {
      const [step, ...rest] = path;
      if (step === undefined) return [definition.shape];
      const inner = definition.shape[String(step)];
      return inner ? shapesAt(inner, rest) : [];
    }
    default:
      return [];
  }
}

/** The values that a field at a path may have, where its schemas are literals. */
function literalsAt(schema: z.core.$ZodType | undefined, path: Path): string[] {
  const shapes = schema ? shapesAt(schema, path.slice(0, -1)) : [];
  return shapes.flatMap(shape => [...(shape[String(path.at(-1))]?._zod.values ?? [])].map(String));
}

function at(value: unknown, path: Path): unknown {
  let found = value;
  for (const step of path) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = (found as Record<PropertyKey, unknown>)[step];
  }
  return found;
}

function line(path: Path, what: string): string {
  return path.length === 0 ? `the document ${what}` : `${textOf(path)}: ${what}`;
}

function textOf(path: Path): string {
  return printable(path.map(String).join('.'));
}

function withArticle(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;
}
