/** A check whose engine never answers ends all the same, with what was found and that it did not end. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { AgentParts } from '../../../src/actors/agent-parts.ts';
import { checkPlan } from '../../../src/actors/plans/plan-check.ts';
import { EngineRuns } from '../../../src/actors/runs/engine-runs.ts';
import { agentConfigOf, agentSchema } from '../../../src/domain/agent-config.ts';
import { planSchema } from '../../../src/domain/plan.ts';

test('what does not answer within the bound is a finding of its own', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'reeve-check-'));
  const config = agentConfigOf(agentSchema.parse({ name: 'here', data: directory }));
  const engineRuns = new EngineRuns({ data: directory, onProgress: () => undefined });
  // The first thing that an engine's check needs never comes, as on a mount that hangs.
  engineRuns.directory = () => new Promise(() => undefined);
  const parts = { config, engineRuns, clock: { now: () => 0 } } as unknown as AgentParts;
  const engine = { type: 'files', path: directory };
  const plan = planSchema.parse({ name: 'docs', engine, repository: { path: join(directory, 'repository') } });
  try {
    const found = await checkPlan({ plan, revision: 1 }, parts, 100);
    expect(found.map(({ name, ok }) => [name, ok])).toEqual([
      ['names', true],
      ['allowed', true],
      ['time', false],
    ]);
    expect(found.at(-1)?.message).toBe('the check did not end within 100ms');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
