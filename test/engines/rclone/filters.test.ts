/** Our globs mean to rclone what they mean to us: asked of rclone itself. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { excludeLines, includeLines } from '../../../src/engines/rclone/filters.ts';
import { compileGlobs } from '../../../src/repository/glob.ts';
import { describeWithTools } from '../../support/tools.ts';

const files = [
  'a',
  'a.tmp',
  'b/a',
  'b/c/a',
  'b/c/x.tmp',
  'cache/d',
  'b/cache/e',
  'b/x{y}',
  '[z]',
  '# n',
  'b/-m',
  'Ä/ö',
];
const globs = [
  ['*.tmp'],
  ['cache/'],
  ['cache'],
  ['/a'],
  ['b/a'],
  ['b/c'],
  ['b/**/a'],
  ['**/a'],
  ['b/*'],
  ['b/**'],
  ['?'],
  ['[a-b]'],
  ['[!a]'],
  ['{a,d}'],
  ['\\[z\\]'],
  ['# n', 'Ä'],
  ['/b/cache/', '*/-m'],
];

/** As a plan's globs are meant: a path goes with the directory above it. */
function matches(path: string, patterns: readonly string[]): boolean {
  const isMatch = compileGlobs(patterns);
  const names = path.split('/');
  return names.some((_, index) => {
    const part = names.slice(0, index + 1).join('/');
    return isMatch(Buffer.from(part).toString('latin1'), index < names.length - 1);
  });
}

describeWithTools('filters of rclone', ['rclone'], () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'reeve-filters-'));
    for (const file of files) {
      mkdirSync(dirname(join(root, 'tree', file)), { recursive: true });
      writeFileSync(join(root, 'tree', file), '');
    }
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  const taken = (lines: string[]) => {
    const filter = join(root, 'filter.txt');
    writeFileSync(filter, `${lines.join('\n')}\n`);
    const args = ['lsf', '-R', '--files-only', '--config', '/dev/null', '--filter-from', filter, join(root, 'tree')];
    return execFileSync('rclone', args, { encoding: 'utf8' }).split('\n').filter(Boolean).sort();
  };

  test.each(globs.map(patterns => [patterns]))('%j leaves out and takes what it does with us', patterns => {
    const matching = files.filter(file => matches(file, patterns));
    expect(taken(includeLines(patterns))).toEqual([...matching].sort());
    expect(taken(excludeLines(patterns))).toEqual(files.filter(file => !matching.includes(file)).sort());
  });
});
