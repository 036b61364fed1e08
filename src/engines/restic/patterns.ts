/**
 * A plan's globs as restic's patterns. Ours are relative to the plan's path; restic's match anywhere in the whole path,
 * so that `tmp` would leave out all of `/tmp/x`: each is tied to the path.
 */

/** As a plan has them: one without a slash matches a name at any depth. */
export function patternOf(path: string, glob: string): string {
  const base = escaped(path.replace(/\/+$/, ''));
  const relative = glob.replace(/^\/+/, '');
  return relative.replace(/\/+$/, '').includes('/') || glob.startsWith('/')
    ? `${base}/${relative}`
    : `${base}/**/${relative}`;
}

/** A path in which nothing is a wildcard. */
export function escaped(path: string): string {
  return path.replace(/[\\*?[\]]/g, '\\$&');
}
