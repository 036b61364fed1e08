/** Where Reeve keeps its data unless it is told: the platform's place for the state of a program. Pure. */
import { join } from 'node:path';

/** `$XDG_STATE_HOME/reeve`, else `~/.local/state/reeve`; on macOS `~/Library/Application Support/reeve`. */
export function stateDirectory(
  platform: NodeJS.Platform,
  home: string,
  variables: Readonly<Record<string, string | undefined>>,
): string {
  const named = variables.XDG_STATE_HOME;
  if (named?.startsWith('/')) return join(named, 'reeve');
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'reeve');
  return join(home, '.local', 'state', 'reeve');
}
