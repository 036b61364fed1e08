/** `reeve status`: one line, the statuses of Nagios, and performance data. */
import { beforeEach, expect, test } from 'vitest';
import { fakeCluster } from './fake-cluster.ts';
import { reeve } from './run-reeve.ts';

const fake = fakeCluster();

const time = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
const row = (id: string, plan: string, state: string, minute: number, reason: string | null = null) => ({
  ...{ id, plan, state, reason, at: time(minute) },
  ...{ startedAt: time(minute), endedAt: time(minute), bytes: null, deletedAt: null },
});
const plan = (name: string, more: object = {}) => ({ name, placement: { agent: 'nas-1' }, ...more });
const agents = [
  { name: 'nas-1', mode: 'running', lastSeen: time(9) },
  { name: 'nas-2', mode: 'away', lastSeen: time(3) },
];

let cluster: Record<string, Record<string, unknown>[]>;
beforeEach(() => {
  const commands = (kind: string) => [`${kind}.cancel`, `${kind}.suspend`, `${kind}.resume`];
  cluster = {
    plans: [plan('docs'), plan('mail')],
    agents,
    actors: [],
    blocked: [],
    backups: [],
    drills: [],
    restores: [],
  };
  fake.service.answers({
    'agent.list': () => ({ agents: cluster.agents }),
    'plan.list': () => ({ plans: cluster.plans }),
    'actor.list': ({ kind }) => ({ actors: kind === 'schedule' ? cluster.blocked : cluster.actors, cursor: null }),
    'machine.list': () => ({
      machines: [
        { kind: 'agent', commands: ['agent.drain'] },
        ...['backup', 'drill', 'restore'].map(kind => ({ kind, commands: commands(kind) })),
      ],
    }),
    'backup.list': () => ({ backups: cluster.backups }),
    'drill.list': () => ({ drills: cluster.drills }),
    'restore.list': () => ({ restores: cluster.restores }),
  });
});

const run = (words: string[]) => reeve(words, { variables: { REEVE_NATS_URL: fake.server.url } });
const status = async () => {
  const { status: exit, stdout } = await run(['status']);
  expect(stdout.split('\n').length).toBe(2);
  const [words = '', performance = ''] = stdout.trim().split(' | ');
  return { exit, words, performance };
};

test('is OK where nothing is wrong: an agent that is away and owns nothing, a failure that was made good, a restore', async () => {
  cluster.backups = [
    row('b-3', 'docs', 'completed', 3),
    row('b-1', 'docs', 'failed', 1),
    row('x-1', 'gone', 'failed', 2),
  ];
  cluster.restores = [row('r-1', 'docs', 'failed', 4)];
  expect(await status()).toEqual({
    exit: 0,
    words: 'REEVE OK - 2 plans on time, 2 agents',
    performance:
      'plans=2;;;0 agents=2;;;0 overdue=0;;0;0 drills_overdue=0;0;;0 agents_away=0;0;;0 schedules_blocked=0;0;;0 failed=0;0;;0',
  });
});

test('is CRITICAL where a plan is overdue, WARNING where only its drills are', async () => {
  const overdue = (of: string[]) => ({ overdue: { since: null, why: 'its last | is old', of } });
  cluster.plans = [plan('docs', overdue(['drill'])), plan('mail')];
  expect(await status()).toMatchObject({
    exit: 1,
    words: 'REEVE WARNING - 1 drills overdue: docs (its last / is old)',
    performance: expect.stringContaining(' overdue=0;;0;0 drills_overdue=1;0;;0 '),
  });
  cluster.plans = ['a', 'b', 'c', 'd'].map(name => plan(name, overdue(['backup', 'drill'])));
  const { exit, words } = await status();
  expect(exit).toBe(2);
  expect(words).toContain('REEVE CRITICAL - 4 overdue: a (its last / is old), b (its last / is old), c');
  expect(words).toContain(', and 1 more; 4 drills overdue: ');
});

test('is WARNING for an agent that is away and owns a plan or an actor, for a blocked schedule and for failed runs', async () => {
  cluster.plans = [plan('docs', { placement: { agent: 'nas-2' } }), plan('mail')];
  cluster.actors = [
    { kind: 'backup', id: 'b-9', final: false },
    { kind: 'backup', id: 'b-8', final: true },
    { kind: 'agent', id: 'nas-2', final: false },
  ];
  cluster.blocked = [{ kind: 'schedule', id: 'nightly--docs', since: time(5), note: null, reason: null }];
  cluster.backups = [
    row('b-1', 'docs', 'failed', 1, 'repository-full'),
    row('b-2', 'docs', 'completed', 2),
    row('b-4', 'docs', 'failed', 4, 'repository-full'),
    row('b-3', 'docs', 'partial', 3),
    row('b-5', 'mail', 'cancelled', 5),
  ];
  cluster.drills = [row('d-1', 'mail', 'timed-out', 1, 'deadline-run')];
  cluster.plans.push(plan('left', { placement: { agent: 'nas-3' } }));
  const { exit, words, performance } = await status();
  expect(exit).toBe(1);
  expect(words).toBe(
    [
      `REEVE WARNING - 2 agents away: nas-2 (last seen ${time(3)}, has 1 plans and 1 actors), nas-3 (has no lease, has 1 plans and 0 actors)`,
      `1 schedules blocked: nightly--docs (since ${time(5)})`,
      '2 failed since they last went well: backup/b-4 (failed, repository-full), drill/d-1 (timed-out, deadline-run)',
    ].join('; '),
  );
  expect(performance).toContain('agents_away=2;0;;0 schedules_blocked=1;0;;0 failed=2;0;;0');
  const { stdout } = await run(['-o', 'json', 'status']);
  expect(JSON.parse(stdout)).toMatchObject({
    ...{ ok: true, status: 'WARNING', exit: 1, counts: { plans: 3, failed: 2, agents_away: 2 } },
    problems: [
      { name: 'nas-2' },
      { name: 'nas-3' },
      { name: 'nightly--docs' },
      { name: 'backup/b-4', level: 'WARNING' },
      { name: 'drill/d-1' },
    ],
  });
});

test('is UNKNOWN where NATS is away, and where every agent is', async () => {
  const away = await reeve(['status'], { variables: { REEVE_NATS_URL: 'nats://127.0.0.1:1' } });
  expect(away).toMatchObject({ status: 3, stdout: expect.stringMatching(/^REEVE UNKNOWN - [^|]+\n$/) });
  const nobody = await reeve(['--prefix', 'nobody', '-o', 'json', 'status'], {
    variables: { REEVE_NATS_URL: fake.server.url },
  });
  expect(nobody.status).toBe(3);
  expect(JSON.parse(nobody.stdout)).toMatchObject({
    ok: false,
    status: 'UNKNOWN',
    exit: 3,
    error: { code: 'unavailable' },
  });
});
