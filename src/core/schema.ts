/**
 * What the runtime needs of a schema: the Standard Schema interface (https://standardschema.dev), which zod and its
 * peers answer, so that a machine of anybody's may declare its commands with the library that they like.
 */
export interface Schema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** The value that a schema makes of `value`, or what is wrong with it, one line an issue, each with its path. */
export function checkAgainst<Output>(
  schema: Schema<Output>,
  value: unknown,
): { value: Output; wrong?: undefined } | { wrong: string } {
  const result = schema['~standard'].validate(value);
  if (result instanceof Promise) return { wrong: 'its schema is asynchronous, which intake cannot wait for' };
  if (!result.issues) return { value: result.value };
  return { wrong: result.issues.map(issue => lineOf(issue)).join('; ') };
}

function lineOf(issue: SchemaIssue): string {
  const path = (issue.path ?? []).map(step => String(typeof step === 'object' ? step.key : step)).join('.');
  return path === '' ? issue.message : `${path}: ${issue.message}`;
}
