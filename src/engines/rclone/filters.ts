/**
 * Our globs as rclone's filters. Ours match a path, and with a directory all that is below it; one without a slash
 * matches a name at any depth, one with a slash inside begins at the top. rclone's match files only, and its `**` needs
 * the slashes beside it.
 */

/** The lines of a filter file that leaves out what the globs match. */
export function excludeLines(globs: readonly string[]): string[] {
  return globs.flatMap(glob => patternsOf(glob).map(pattern => `- ${pattern}`));
}

/** The lines of one that takes only what they match; none takes everything. */
export function includeLines(globs: readonly string[]): string[] {
  if (globs.length === 0) return [];
  return [...globs.flatMap(glob => patternsOf(glob).map(pattern => `+ ${pattern}`)), '- **'];
}

function patternsOf(glob: string): string[] {
  const isDirectory = glob.endsWith('/');
  const body = isDirectory ? glob.slice(0, -1) : glob;
  const isTied = body.includes('/') && !body.startsWith('**/');
  const text = body.replace(/^(\*\*\/)+/, '').replace(/^\/?/, isTied ? '/' : '');
  return withoutEmptySpans(text).flatMap(pattern => {
    // A line ends where a name may go on, and its blanks at the end would be cut off.
    const line = pattern.replace(/[\r\n]/g, '?').replace(/ $/, '[ ]');
    const kept = line.replace(/(\\.)|\[!/g, (_, escaped?: string) => escaped ?? '[^');
    if (!isDirectory) return [kept, `${kept}/**`];
    // It looks into the directories above only where a pattern says that it may begin with any.
    return isTied ? [`${kept}/**`] : [`/${kept}/**`, `/**/${kept}/**`];
  });
}

/** A span of directories in the middle also stands for none with us, so `a/b` fits too. */
function withoutEmptySpans(pattern: string): string[] {
  const [before, ...after] = pattern.split('/**/');
  return after.reduce((all, part) => all.flatMap(text => [`${text}/**/${part}`, `${text}/${part}`]), [before ?? '']);
}
