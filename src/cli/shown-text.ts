/** Text that is escaped already, or that has escapes of its own (YAML, JSON, redacted logs), as a terminal may show it. */
import { printable } from '../core/printable.ts';

/** What `printable` escapes, but for backslashes, which stay single. */
export function shownText(text: string): string {
  return text.split('\\').map(printable).join('\\');
}
