import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { indexPacks } from '../../src/repository/pack-list.ts';
import { openOrCreateRepository } from '../../src/repository/repository.ts';
import { backUp } from './small-runs.ts';

test('an index that has every pack is not begun anew', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'reeve-index-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const repository = await openOrCreateRepository(join(directory, 'repository'));
  await backUp(repository, 'one', [1]);
  const index = join(repository.path, 'index');
  const before = readdirSync(index);
  expect(before).toHaveLength(1);
  // It would need the run's directory.
  await indexPacks(repository, 'not-there');
  expect(readdirSync(index)).toEqual(before);
});
