/** `reeve apply` as a command line: what is wrong by itself, what is asked of the cluster, and what is told. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { AnswerError } from '../../src/core/answer-error.ts';
import { fakeCluster } from './fake-cluster.ts';
import { reeve } from './run-reeve.ts';

const cluster = fakeCluster();
const directory = mkdtempSync(join(tmpdir(), 'reeve-apply-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const run = (...words: string[]) =>
  reeve(['apply', ...words], { variables: { REEVE_NATS_URL: cluster.server.url }, directory });
const write = (name: string, text: string) => writeFileSync(join(directory, name), text);

const plan = 'kind: Plan\nname: photos\nengine: { type: files, path: /srv }\nrepository: nas\n';
const photos = { name: 'photos', engine: { type: 'files', path: '/srv' }, repository: 'nas' };
const bomb = ['a: &a [x, x, x, x]', 'b: &b [*a, *a, *a, *a]', 'c: &c [*b, *b, *b, *b]', 'd: [*c, *c, *c, *c]'].join(
  '\n',
);
const nightly = 'kind: Schedule\nname: nightly\nplan: photos\ntask: backup\ncron: "0 1 * * *"\n';

/** A cluster that holds these rows, and takes what it is told. */
function holds(rows: { plans?: object[]; defaults?: object[]; schedules?: object[] }, more = {}): void {
  const put = (input: Record<string, unknown>) => ({ name: input.name, revision: 7, warnings: [] });
  cluster.service.answers({
    'plan.list': () => ({ plans: rows.plans ?? [] }),
    'defaults.list': () => ({ defaults: rows.defaults ?? [] }),
    'schedule.list': () => ({ schedules: rows.schedules ?? [] }),
    'plan.put': put,
    'defaults.put': put,
    'schedule.put': put,
    ...more,
  });
}
beforeEach(() => holds({}));

/** What was asked that changes something, in order. */
const changed = () =>
  cluster.service.asked
    .filter(([command, { dryRun }]) => /\.(put|delete)$/.test(command) && !dryRun)
    .map(([command, { name }]) => `${command} ${String(name)}`);

test('puts what others need first, asks the agents before it puts anything, and tells warnings on standard error', async () => {
  write('all.yaml', `${nightly}---\n${plan}---\nkind: Defaults\nname: db\nmatch: {}\nplan: {}\n`);
  holds({}, { 'plan.put': () => ({ name: 'photos', revision: 1, warnings: ['no such path yet'] }) });
  const ran = await run('-f', 'all.yaml');
  expect(ran).toMatchObject({ status: 0, stderr: 'warning: plan photos: no such path yet\n' });
  expect(ran.stdout).toBe(
    'defaults db created, revision 7\nplan photos created, revision 1\nschedule nightly created, revision 7\n',
  );
  expect(changed()).toEqual(['defaults.put db', 'plan.put photos', 'schedule.put nightly']);
  const puts = cluster.service.asked.filter(([command]) => command.endsWith('.put'));
  expect(puts[0]).toEqual(['plan.put', { ...photos, dryRun: true, defaults: [{ name: 'db', match: {}, plan: {} }] }]);
  expect(puts[2]).toEqual(['plan.put', photos]);
  const json = JSON.parse((await run('-f', 'all.yaml', '-o', 'json')).stdout);
  expect(json).toMatchObject([{ ok: true, kind: 'Defaults', name: 'db', change: 'create', revision: 7 }, {}, {}]);
});

test.each([
  ['a mistyped field', plan.replace('path:', 'pth:'), 'engine.pth: is not a known field; did you mean path?'],
  ['no kind', plan.replace('kind: Plan\n', ''), 'kind: is missing'],
  ['a later kind', plan.replace('Plan', 'Stream'), 'kind Stream is not known to this version'],
  ['a mistyped kind', plan.replace('Plan', 'Paln'), 'did you mean Plan?'],
  ['an agent', plan.replace('Plan', 'Agent'), 'reeve agent --config FILE'],
  ['the same twice', plan.replace('photos', 'good'), 'plan good is in'],
  ['a cron that never comes', nightly.replace('0 1 * * *', '0 1 30 2 *'), 'cron: never comes'],
  ['an unknown zone', `${nightly}timezone: Europe/Berln\n`, 'timezone: is not a time zone'],
  ['a field of the engine in Defaults', 'kind: Defaults\nname: d\nmatch: {}\nplan: { engine: {} }\n', 'plan.engine'],
  ['no YAML', 'kind: [', 'broken.yaml, document 2: '],
  ['an anchor of another document', `${plan}labels: *theirs\n`, 'broken.yaml, document 2: Unresolved alias'],
  ['a thousand aliases', `kind: Plan\n${bomb}`, 'broken.yaml, document 2: Excessive alias count'],
])('%s makes all of it invalid, and nothing is asked', async (_what, document, says) => {
  write('broken.yaml', `${plan.replace('photos', 'good')}---\n${document}`);
  const ran = await run('-f', 'broken.yaml');
  expect(ran.stderr).toContain(says);
  expect(ran).toMatchObject({ status: 2, stdout: '' });
  expect(cluster.service.asked).toEqual([]);
});

test.each([
  [
    'a plan that nothing completes',
    plan.replace('repository: nas\n', ''),
    'repository: is missing (no Defaults match it)',
  ],
  ['a schedule of no plan', nightly.replace('photos', 'photo'), 'there is no plan photo; did you mean photos?'],
  [
    'Defaults that spoil a plan which is there',
    'kind: Defaults\nname: db\nmatch: { tier: db }\nplan: { repository: nas }\n',
    'plan old, which is there already: repository: is missing (no Defaults match it)',
  ],
])('%s is wrong with the others, and nothing is put', async (_what, document, says) => {
  const db = { name: 'db', match: {}, plan: { repository: 'nas' }, revision: 1 };
  const { repository: _, ...incomplete } = photos;
  if (says.includes('old')) holds({ defaults: [db], plans: [{ ...incomplete, name: 'old', revision: 1 }] });
  else holds({ plans: [{ ...photos, revision: 1 }] });
  write('together.yaml', `${plan.replace('photos', 'good')}---\n${document}`);
  const ran = await run('-f', 'together.yaml');
  expect(ran.stderr).toContain(says);
  expect(ran).toMatchObject({ status: 2, stdout: '' });
  expect(cluster.service.asked.map(([command]) => command).filter(command => !command.endsWith('.list'))).toEqual([]);
});

test('a refusal of one agent leaves everything as it is', async () => {
  write('two.yaml', `${plan}---\n${plan.replace('photos', 'mail')}`);
  holds(
    {},
    {
      'plan.put': (input: Record<string, unknown>) => {
        if (input.name === 'mail') throw new AnswerError('invalid', 'plan mail: agent a has no repository nas');
        return { name: input.name, revision: 1, warnings: [] };
      },
    },
  );
  expect(await run('-f', 'two.yaml')).toMatchObject({ status: 2, stdout: '' });
  expect(changed()).toEqual([]);
});

test('a plan that stays as it is may have its agent away, which is a warning; of one that changes it is a refusal', async () => {
  const away = (input: Record<string, unknown>) => {
    if (input.name === 'photos') throw new AnswerError('unavailable', 'agent nas-1 is away', 'start it again');
    return { name: input.name, revision: 1, warnings: [] };
  };
  write('two.yaml', `${plan}---\n${plan.replace('photos', 'mail')}`);
  holds({ plans: [{ ...photos, revision: 1 }] }, { 'plan.put': away });
  const ran = await run('-f', 'two.yaml');
  expect(ran).toMatchObject({ status: 0, stdout: expect.stringContaining('plan photos unchanged') });
  expect(ran.stderr).toContain('plan photos: it stays as it is, and was not checked: agent nas-1 is away');
  expect(changed()).toEqual(['plan.put mail']);
  holds({ plans: [{ ...photos, onDrain: 'finish', revision: 1 }] }, { 'plan.put': away });
  const refused = await run('-f', 'two.yaml');
  expect(refused).toMatchObject({ status: 3, stderr: expect.stringContaining('plan photos: agent nas-1 is away') });
  expect(changed()).toEqual([]);
});

test('with --dry-run it shows what differs, and changes nothing; when the cluster is away, that is said', async () => {
  write('one.yaml', `${plan}---\n${nightly}---\n${plan.replace('photos', 'mail')}`);
  holds({
    plans: [
      { ...photos, engine: { type: 'files', path: '/home' }, onDrain: 'finish', revision: 3, overdue: { why: '' } },
    ],
    schedules: [
      { name: 'nightly', plan: 'photos', task: 'backup', cron: '0 1 * * *', revision: 2, state: 'waiting', actors: [] },
    ],
  });
  expect(await run('-f', 'one.yaml', '--dry-run')).toMatchObject({
    status: 0,
    stdout: [
      'plan photos would be changed',
      '  engine.path: "/home" -> "/srv"',
      '  onDrain: "finish" -> (none)',
      'plan mail would be created',
      'schedule nightly unchanged',
      '',
    ].join('\n'),
  });
  expect(changed()).toEqual([]);
  const away = await run('-f', 'one.yaml', '--dry-run', '--nats', 'nats://127.0.0.1:1');
  expect(away).toMatchObject({ status: 3, stdout: '' });
  expect(away.stderr).toContain('right by themselves');
});

test('with --prune what is not in the files is deleted, and a plan that something hangs on is left and told', async () => {
  write('set.yaml', plan);
  const rows = {
    plans: ['photos', 'kept', 'gone'].map(name => ({ ...photos, name, revision: 1 })),
    schedules: [{ name: 'nightly', plan: 'gone', task: 'backup', every: '6h', revision: 1 }],
    defaults: [{ name: 'db', match: { tier: 'db' }, plan: {}, revision: 1 }],
  };
  const conflict = () => {
    throw new AnswerError('conflict', 'plan kept cannot be deleted: backup kept-1 can be restored');
  };
  holds(rows, {
    'plan.delete': (input: Record<string, unknown>) => (input.name === 'kept' && !input.keepBackups ? conflict() : {}),
    'schedule.delete': () => ({}),
    'defaults.delete': () => ({}),
    'catalog.list': (input: Record<string, unknown>) => ({ backups: input.plan === 'kept' ? [{ id: 'kept-1' }] : [] }),
  });
  const tried = await run('-f', 'set.yaml', '--prune', '--dry-run');
  expect(tried.status).toBe(1);
  expect(tried.stdout.split('\n')).toEqual([
    'plan photos unchanged',
    'schedule nightly would be deleted',
    'plan kept would be left: plan kept cannot be deleted: 1 of its backups can be restored',
    'plan gone would be deleted',
    'defaults db would be deleted',
    '',
  ]);
  expect(changed()).toEqual([]);
  const ran = await run('-f', 'set.yaml', '--prune');
  expect(ran.status).toBe(1);
  expect(ran.stdout).toContain('plan kept left: plan kept cannot be deleted: backup kept-1 can be restored\n');
  expect(changed()).toEqual(['schedule.delete nightly', 'plan.delete kept', 'plan.delete gone', 'defaults.delete db']);
  expect(await run('-f', 'set.yaml', '--prune', '--keep-backups')).toMatchObject({ status: 0 });
  expect(await run('-f', 'set.yaml')).toMatchObject({ status: 0, stdout: 'plan photos unchanged, revision 1\n' });
});

test('of documents that need one another who is refused is tried again after the others', async () => {
  write('swap.yaml', `kind: Defaults\nname: db\nmatch: {}\nplan: {}\n---\n${plan}`);
  let isPut = false;
  holds(
    {},
    {
      'plan.put': (input: Record<string, unknown>) => {
        isPut ||= input.dryRun === undefined;
        return { name: 'photos', revision: 1, warnings: [] };
      },
      'defaults.put': () => {
        if (!isPut) throw new AnswerError('invalid', 'the Defaults db would make plan photos invalid');
        return { name: 'db', revision: 2, warnings: [] };
      },
    },
  );
  expect(await run('-f', 'swap.yaml')).toMatchObject({
    status: 0,
    stdout: 'plan photos created, revision 1\ndefaults db created, revision 2\n',
  });
});

test('what is in the cluster is read to its end, however much it is', async () => {
  const plans = Array.from({ length: 950 }, (_, index) => ({ ...photos, name: `p${1_000 + index}`, revision: 1 }));
  holds(
    {},
    {
      'plan.list': ({ after = '', limit }: { after?: string; limit?: number }) => ({
        plans: plans.filter(({ name }) => name > after).slice(0, limit),
      }),
      'catalog.list': () => ({ backups: [] }),
    },
  );
  write('one.yaml', plan);
  const ran = await run('-f', 'one.yaml', '--prune', '--dry-run');
  expect(ran.stdout.match(/would be deleted/g)).toHaveLength(950);
});

test('a directory is read without those in it, unless -R is given; what is not there is invalid', async () => {
  mkdirSync(join(directory, 'set', 'inner'), { recursive: true });
  write('set/b.yml', plan);
  write('set/a.yaml', plan.replace('photos', 'mail'));
  write('set/notes.txt', 'no document');
  write('set/inner/c.yaml', plan.replace('photos', 'inner'));
  const names = (stdout: string) => stdout.split('\n').map(line => line.split(' ')[1]);
  expect(names((await run('-f', 'set')).stdout)).toEqual(['mail', 'photos', undefined]);
  expect(names((await run('-f', 'set', '-R')).stdout)).toEqual(['mail', 'photos', 'inner', undefined]);
  expect(await run('-f', 'nowhere.yaml')).toMatchObject({ status: 2, stdout: '' });
});
