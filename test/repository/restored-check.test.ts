/** What a restore brought back is held against its backup, entry by entry. */
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  lutimesSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { microsecondsOf, utimeOf } from '../../src/repository/file-times.ts';
import { backUpAndCommit, scratch } from '../engines/files/engine-process.ts';
import { doHere } from '../engines/files/in-process.ts';
import { makeOddTree } from '../engines/files/trees.ts';

let [directory, repository, to] = ['', '', ''];
let restores = 0;
beforeAll(async () => {
  directory = scratch(clean => afterAll(clean));
  const source = join(directory, 'source');
  repository = join(directory, 'repository');
  mkdirSync(source);
  makeOddTree(source, 300_000);
  writeFileSync(join(source, 'victim'), 'as it was backed up');
  symlinkSync('victim', join(source, 'leads'));
  await backUpAndCommit(directory, 'p-1', source, repository);
});
beforeEach(async () => {
  restores += 1;
  to = join(directory, `restored-${restores}`);
  await doHere({ task: 'restore', repository, backup: 'p-1', to, include: [] });
});

const compare = () => doHere({ task: 'compare', repository, backup: 'p-1', to });

test('a restore of every sort of entry is as it was, and counts what a verify counts', async () => {
  const { different, bytes } = await compare();
  expect(different).toEqual({ count: 0, first: [] });
  expect(bytes).toBe((await doHere({ task: 'verify', repository, backup: 'p-1' })).bytes);
  expect(bytes).toBeGreaterThan(300_000);
});

/** Changes what is there, and nothing else: its time is set back. */
function keepingTimes(names: string[], change: () => void): void {
  const times = names.map(name => utimeOf(microsecondsOf(statSync(join(to, name), { bigint: true }).mtimeNs)));
  change();
  for (const [index, name] of names.entries()) lutimesSync(join(to, name), times[index] ?? 0, times[index] ?? 0);
}

const victim = () => join(to, 'victim');
const changes: [what: string, change: () => void, path: string, why: string | RegExp][] = [
  [
    'a bit of a file',
    () =>
      keepingTimes(['victim'], () => {
        const bytes = readFileSync(victim());
        bytes[3] = (bytes[3] ?? 0) ^ 1;
        writeFileSync(victim(), bytes);
      }),
    'victim',
    /content from byte 0 on is not that of the chunk [0-9a-f]{64}/,
  ],
  ['the length of a file', () => keepingTimes(['victim'], () => appendFileSync(victim(), 'x')), 'victim', /size is 20/],
  ['a mode', () => chmodSync(victim(), 0o640), 'victim', /mode is 640/],
  ['a time', () => lutimesSync(victim(), 1, 1), 'victim', /time is 1000000/],
  ['a file that is gone', () => keepingTimes(['.'], () => unlinkSync(victim())), 'victim', 'it is missing'],
  ['a file too many', () => keepingTimes(['.'], () => copyFileSync(victim(), join(to, 'more'))), '.', /entries, and/],
  [
    'a link that leads elsewhere',
    () =>
      keepingTimes(['.'], () => {
        rmSync(join(to, 'leads'));
        symlinkSync('elsewhere', join(to, 'leads'));
      }),
    'leads',
    'it leads elsewhere',
  ],
  [
    'a directory in the place of a file',
    () =>
      keepingTimes(['.'], () => {
        rmSync(victim());
        mkdirSync(victim());
      }),
    'victim',
    'it is no file',
  ],
];

test.each(changes)('%s is told, by its path', async (_, change, path, why) => {
  change();
  const { different } = await compare();
  expect(different.first.map(({ path: at }) => at)).toEqual([path]);
  expect(different.first[0]?.why).toEqual(typeof why === 'string' ? why : expect.stringMatching(why));
});
