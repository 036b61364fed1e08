/** The filters of a run in a file of its directory: a plan may have a thousand of them. */
import { writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { EngineConfigOf } from '../../domain/engine-config.ts';
import type { EngineScope } from '../engine.ts';
import { excludeLines } from './filters.ts';

/** What the plan leaves out, and the agent's own data where it lies in the source. */
export async function sourceFilters(scope: Pick<EngineScope, 'run' | 'config' | 'directory'>): Promise<string[]> {
  const { path, exclude = [] } = scope.run.document.engine as EngineConfigOf<'rclone'>;
  const data = relative(path, scope.config.data);
  const own = data === '' || data.startsWith('..') ? [] : [`/${data.replace(/[\\*?[\]{}]/g, '\\$&')}/`];
  return await filterFile(scope, excludeLines([...exclude, ...own]));
}

/** The arguments for a file of these lines; none where there are none. */
export async function filterFile(
  { directory }: Pick<EngineScope, 'directory'>,
  lines: readonly string[],
): Promise<string[]> {
  if (lines.length === 0) return [];
  const path = join(directory.path, 'filter.txt');
  await writeFile(path, `${lines.join('\n')}\n`, { mode: 0o600 });
  return ['--filter-from', path];
}
