import { describe, expect, test } from 'vitest';
import { type QueueRecord, queueOf } from '../../src/domain/queue.ts';
import type { RunContext, RunKind } from '../../src/domain/run.ts';
import { obstacleOf, type TurnAsked, type TurnLimits } from '../../src/domain/turn.ts';

const limits: TurnLimits = {
  runs: 3,
  restores: 1,
  runsByEngine: { restic: 1 },
  runsByRepository: { nas: 2, box: 1 },
};

let asked = 0;
function run(id: string, change: Partial<TurnAsked> = {}): TurnAsked {
  asked += 1;
  return { id, plan: `plan-of-${id}`, task: 'backup', engine: 'files', repository: 'other', askedMs: asked, ...change };
}

describe('what stands before a run', () => {
  const held = [run('a', { repository: 'nas' }), run('b', { engine: 'restic' })];
  test.each<[string, TurnAsked[], TurnAsked, string | undefined]>([
    ['nothing', held, run('c'), undefined],
    ['one of its plan', held, run('c', { plan: 'plan-of-a' }), 'backup a of the same plan'],
    ['no verify of its plan', held, run('c', { plan: 'plan-of-a', task: 'verify' }), undefined],
    [
      'the limit of the agent',
      [...held, run('x')],
      run('c'),
      'a place among the 3 runs that the agent works on at once',
    ],
    ['no backup before a restore', [...held, run('x')], run('c', { task: 'restore', engine: 'restic' }), undefined],
    [
      'a restore before a restore',
      [run('r', { task: 'restore' })],
      run('c', { task: 'restore' }),
      'a place among the 1 restores that the agent works on at once',
    ],
    [
      'the limit of its engine',
      held,
      run('c', { engine: 'restic' }),
      'a place among the 1 runs of the engine restic that the agent works on at once',
    ],
    [
      'the limit of its repository, restores too',
      [...held, run('r', { task: 'restore', repository: 'nas' })],
      run('c', { repository: 'nas' }),
      'a place among the 2 runs that use the repository nas at once',
    ],
    ['none for a name that only objects have', held, run('c', { repository: 'constructor' }), undefined],
  ])('%s', (_, those, one, obstacle) => {
    expect(obstacleOf(one, those, limits)).toBe(obstacle);
  });
});

function record(id: string, state: string, change: Partial<RunContext> & { sinceMs?: number } = {}): QueueRecord {
  const { sinceMs = 1, ...context } = change;
  const document = { name: 'p', engine: { type: 'files', path: '/' }, repository: 'nas' };
  const spent = { sinceMs, transferringMs: 0, retryingMs: 0 };
  const whole = {
    id,
    plan: id,
    task: 'backup' as RunKind,
    agent: 'nas-1',
    admitted: false,
    reason: null,
    document,
    spent,
  };
  return { state, since: 'then', final: false, context: { ...whole, ...context } as unknown as RunContext };
}

test('the queue has those that wait, first come first, each with what it waits for', () => {
  const records = [
    record('late', 'pending', { sinceMs: 9 }),
    record('low', 'pending', { sinceMs: 3, reason: 'repository-low', message: 'it has 1 GiB free' }),
    record('again', 'pending', { sinceMs: 2, plan: 'late' }),
    record('held', 'transferring', { admitted: true }),
    record('resting', 'suspended', { admitted: true }),
    record('idle', 'suspended'),
  ];
  expect(queueOf(records, limits).map(({ id, position, waitsFor }) => ({ id, position, waitsFor }))).toEqual([
    { id: 'again', position: 1, waitsFor: 'a place among the 2 runs that use the repository nas at once' },
    { id: 'low', position: 2, waitsFor: 'it has 1 GiB free' },
    { id: 'late', position: 3, waitsFor: 'a place among the 2 runs that use the repository nas at once' },
  ]);
  expect(queueOf(records.slice(0, 3), undefined).map(({ waitsFor }) => waitsFor)).toEqual([
    'a free place on its agent',
    'it has 1 GiB free',
    'backup again of the same plan',
  ]);
});
