/** A prune as its run sees it: what the engine is asked for, and what comes of it. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { EngineScope, EngineStep, PruneOutput } from '../../../src/engines/engine.ts';
import { filesEngine } from '../../../src/engines/files/engine.ts';
import { RunDirectory } from '../../../src/runner/run-directory.ts';
import { backUpAndCommit, listed, scratch } from './engine-process.ts';
import { noise } from './trees.ts';

test('the engine removes just the backups that it is given, and says what room that won', async () => {
  const place = scratch(onTestFinished);
  const [source, path] = [join(place, 'source'), join(place, 'repository')];
  mkdirSync(source);
  for (const run of ['p-1', 'p-2', 'p-3']) {
    writeFileSync(join(source, 'file'), noise(100_000, run));
    await backUpAndCommit(place, run, source, path);
  }
  const directory = new RunDirectory(place, 'prune-1');
  await directory.create();
  const scope = { run: { id: 'prune-1' }, repository: { type: 'files', path }, directory } as unknown as EngineScope;
  const asked = async (ids: string[]): Promise<PruneOutput> => {
    const doomed = ids.map(id => ({ id, manifest: '' }));
    const step = (await filesEngine.prune?.(scope, doomed, new AbortController().signal)) as EngineStep<PruneOutput>;
    const { command, args } = await step.order();
    for (const line of execFileSync(command, args, { encoding: 'utf8' }).split('\n')) step.hear?.(line);
    return step.outcome({ code: 0, signal: null } as Parameters<typeof step.outcome>[0]);
  };
  const { bytesFreed } = await asked(['p-1', 'p-2']);
  expect(bytesFreed).toBeGreaterThan(200_000);
  expect(bytesFreed).toBeLessThan(210_000);
  expect(await listed(path)).toEqual(['p-3']);
  expect(await asked([])).toEqual({ bytesFreed: 0 });
});
