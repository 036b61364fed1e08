/** Checking what came from outside against a schema, with an answer that a person can act on. */
import { z } from 'zod';
import { checkAgainst, type Schema } from '../core/schema.ts';
import { wrongOf } from './invalid.ts';

/** The value that `schema` makes of `value`, or in one line what is wrong with it, each issue with its path. */
export function checkDocument<Output>(
  schema: Schema<Output>,
  value: unknown,
): { value: Output; wrong?: undefined } | { wrong: string } {
  if (!isZod(schema)) return checkAgainst(schema, value);
  const result = z.safeParse(schema, value);
  return result.success ? { value: result.data } : { wrong: wrongOf(result.error, schema, value) };
}

function isZod<Output>(schema: Schema<Output>): schema is Schema<Output> & z.core.$ZodType<Output> {
  return schema['~standard'].vendor === 'zod' && '_zod' in schema;
}
