/** A run that was created for another agent is told to it until it takes it. */
import { expect, test } from 'vitest';
import { type HandOverParts, handOver } from '../../../src/actors/schedules/hand-over.ts';
import { agentConfigOf } from '../../../src/domain/agent-config.ts';
import { makeRecord } from '../../support/records.ts';

test('an agent that does not answer yet, or does not take work yet, is asked again until it has taken the run', async () => {
  const answers = [Promise.reject(new Error('nobody answered')), { isTaken: false }, { isTaken: true }];
  const asked: unknown[] = [];
  const parts: HandOverParts = {
    config: agentConfigOf({ name: 'here', data: '/data' }),
    custody: { take: () => Promise.reject(new Error('it is not its own')) },
    askAgents: async (command, input) => {
      asked.push([command, input]);
      return await answers[asked.length - 1];
    },
  };
  await handOver(parts, { record: makeRecord({ kind: 'backup', id: 'docs-1' }), revision: 1 }, 'there');
  expect(asked).toEqual(Array(3).fill(['run.take', { agent: 'there', kind: 'backup', id: 'docs-1' }]));
});
