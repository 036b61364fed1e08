/** A document of the wire as YAML that can be applied again, under comments of what is known beside it. */
import { stringify } from 'yaml';
import { printable } from '../core/printable.ts';
import { shownText } from './shown-text.ts';

/** YAML has escapes of its own for most of what a terminal would obey. */
export function documentLines(kind: string, document: Record<string, unknown>, comments: readonly string[]): string[] {
  const text = stringify({ kind, ...document });
  return [...comments.map(line => `# ${printable(line)}`), ...text.trimEnd().split('\n').map(shownText)];
}
