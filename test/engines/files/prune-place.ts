/**
 * Copies of one repository to prune in, and processes that stop there. It has `old-1`, `older-1` and `kept-1`; what the
 * sources of `next` and `other` have in common with the old ones is to be swept.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { condemnedPacks } from '../../../src/repository/pack-names.ts';
import { openRepository } from '../../../src/repository/repository.ts';
import { checkRepository } from '../../../src/repository/repository-check.ts';
import { unneededPacks } from '../../repository/unneeded-packs.ts';
import { eventually } from '../../support/eventually.ts';
import { backupJob, type Engine, listed, scratch } from './engine-process.ts';
import { doHere } from './in-process.ts';
import { describeTree, noise } from './trees.ts';

type Tree = ReturnType<typeof describeTree>;

let directory: string;
let template: string;
const sources = new Map<string, { path: string; tree: Tree }>();

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'reeve-prune-kills-'));
  template = join(directory, 'template');
  source('old', { a: [0, 10], b: [0, 4] });
  source('older', { b: [0, 4], d: [0, 4] });
  source('kept', { small: 4, a: [0, 2] });
  source('next', { small: 2, a: [2, 6], b: [0, 1], c: [0, 4] });
  source('other', { a: [5, 9], b: [1, 3], c: [2, 6] });
  for (const run of ['old-1', 'older-1', 'kept-1']) await commitIn(template, run);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Files of noise: those of one letter and number are the same in all sources. */
function source(name: string, files: Record<string, number | [number, number]>): void {
  const path = join(directory, name);
  mkdirSync(path);
  for (const [letter, range] of Object.entries(files)) {
    const [from, to] = typeof range === 'number' ? [0, range] : range;
    for (let number = from; number < to; number += 1)
      writeFileSync(
        join(path, `${letter}-${number}`),
        noise(letter === 'small' ? 3_000 : 150_000, `${letter} ${number}`),
      );
  }
  sources.set(name, { path, tree: describeTree(path) });
}

export function sourceOf(run: string): { path: string; tree: Tree } {
  return sources.get(run.replace(/-\d+$/, '')) as { path: string; tree: Tree };
}

/** Commits what a process staged; without one the backup is made, or made to its end. */
async function commitIn(repository: string, run: string, engine?: Engine): Promise<void> {
  const last = engine?.events.at(-1);
  const staged = last?.type === 'result' ? last.result : undefined;
  if (engine && staged?.task !== 'backup') throw new Error(`${run} staged nothing: ${JSON.stringify(last)}`);
  const { manifest, outcome } =
    staged?.task === 'backup' ? staged : await doHere(backupJob(run, sourceOf(run).path, repository));
  await doHere({ task: 'commit', run, repository, manifest, outcome });
}

export class Place {
  readonly scratch = scratch(onTestFinished);
  readonly repository = join(this.scratch, 'repository');
  #prunes = 0;

  constructor() {
    cpSync(template, this.repository, { recursive: true });
  }

  pruneJob(backups: string[]) {
    this.#prunes += 1;
    return { task: 'prune', run: `prune-${this.#prunes}`, repository: this.repository, backups } as const;
  }

  commit(run: string, engine?: Engine): Promise<void> {
    return commitIn(this.repository, run, engine);
  }

  /** Just these backups are there, each restores, and nothing else is wrong with the repository. */
  async holds(backups: readonly string[]): Promise<void> {
    expect((await listed(this.repository)).sort()).toEqual([...backups].sort());
    for (const backup of backups) {
      const to = join(this.scratch, 'restored');
      await doHere({ task: 'restore', repository: this.repository, backup, to, include: [] });
      expect(describeTree(to)).toEqual(sourceOf(backup).tree);
      rmSync(to, { recursive: true });
    }
    const repository = await openRepository(this.repository);
    const check = await checkRepository({ repository, data: 'all', signal: new AbortController().signal });
    expect(check.damages.first).toEqual([]);
    expect(check.backups.filter(({ damaged }) => damaged)).toEqual([]);
  }

  /** After a prune without writers. */
  async isClean(): Promise<void> {
    const repository = await openRepository(this.repository);
    expect(await unneededPacks(repository)).toEqual([]);
    expect(await condemnedPacks(repository)).toEqual([]);
    expect(readdirSync(join(this.repository, 'writers'))).toEqual([]);
    expect(readdirSync(join(this.repository, 'manifests')).length).toBe((await listed(this.repository)).length);
  }
}

/** Resolves once a process is stopped or over. */
export async function isQuiet(engine: Engine): Promise<void> {
  let isOver = false;
  void engine.ended.then(() => {
    isOver = true;
  });
  await eventually(
    `process ${engine.process.pid} is stopped or over`,
    async () => {
      if (isOver) return true;
      const stat = await readFile(`/proc/${engine.process.pid}/stat`, 'utf8').catch(() => '');
      return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
    },
    60_000,
  );
}
