/** The scratch of a drill: whether a backup fits, that each restore begins in an empty one, and that all of it goes. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { intoScratch, refuseWithoutRoom, removeScratch, runsWithScratch } from '../../../src/actors/runs/scratch.ts';
import type { EngineScope, EngineStep } from '../../../src/engines/engine.ts';

let config: EngineScope['config'];
beforeEach(() => {
  const data = mkdtempSync(join(tmpdir(), 'reeve-scratch-'));
  onTestFinished(() => rmSync(data, { recursive: true, force: true }));
  config = { data } as EngineScope['config'];
});

const scopeOf = (bytes: number) =>
  ({ config, run: { id: 'docs-1' }, backup: async () => ({ id: 'docs-0', bytes }) }) as unknown as EngineScope;

test('a backup that does not fit on the disk of the agent is refused, with both sizes', async () => {
  await expect(refuseWithoutRoom(scopeOf(2 ** 60))).rejects.toMatchObject({
    failure: {
      ...{ kind: 'permanent', code: 'agent-disk-full' },
      message: expect.stringMatching(/^a drill of backup docs-0 needs 10485\d\d\.\d TiB in .* which has .* free$/),
    },
  });
  await refuseWithoutRoom(scopeOf(1_000));
});

test('a restore begins in an empty scratch that is its own, whatever an attempt before left', async () => {
  const step = intoScratch(
    { order: async () => ({ command: 'x', args: [] }) } as unknown as EngineStep<void>,
    scopeOf(1),
  );
  await step.order();
  const scratch = join(config.data, 'scratch', 'docs-1');
  expect([statSync(scratch).mode & 0o777, statSync(join(config.data, 'scratch')).mode & 0o777]).toEqual([0o700, 0o711]);
  mkdirSync(join(scratch, 'tree', 'closed'), { recursive: true });
  writeFileSync(join(scratch, 'tree', 'closed', 'file'), 'x');
  for (const name of ['tree/closed', 'tree']) chmodSync(join(scratch, name), 0o000);
  expect(await runsWithScratch(config)).toEqual(['docs-1']);
  await step.order();
  expect(readdirSync(scratch)).toEqual([]);
  expect([await removeScratch(config, 'docs-1'), await removeScratch(config, 'docs-1')]).toEqual([true, false]);
  expect(existsSync(scratch)).toBe(false);
});
