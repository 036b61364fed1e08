/** Schedules, Defaults and whole sets of documents, on a real server, a real agent and the real command line. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLink } from '../../src/nats/connection.ts';
import { NatsFates } from '../../src/nats/fates.ts';
import { Names } from '../../src/nats/names.ts';
import { type Ran, reeve } from '../cli/run-reeve.ts';
import { World } from '../support/world.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
  world.fill(1, 1_000);
  const config = world.agentFile('here', {
    repositories: {
      nas: { type: 'files', path: world.repository },
      dbs: { type: 'directory', path: world.repository },
    },
  });
  await world.runAgent({ config });
});
afterEach(() => world?.close());

const run = (...words: string[]): Promise<Ran> =>
  reeve(words, { variables: { REEVE_NATS_URL: world.server.url }, directory: world.directory });

const engine = () => ({ type: 'files', path: world.source });

test('a plan runs with the Defaults that match it, is shown as it was put, and cannot lose what it needs', async () => {
  const ledger = { name: 'ledger', labels: { tier: 'db' }, engine: engine() };
  expect(await world.refusal('plan.put', ledger)).toMatchObject({
    code: 'invalid',
    message: 'plan ledger: repository: is missing (no Defaults match it)',
  });
  const db = { name: 'db', match: { tier: 'db' }, plan: { repository: 'nas', retry: { attempts: 7 } } };
  expect(await world.ask('defaults.put', db)).toMatchObject({ name: 'db', revision: 1, warnings: [] });
  expect(await world.ask('plan.put', ledger)).toMatchObject({ revision: 1 });
  const shown = await world.ask('plan.get', { name: 'ledger' });
  expect(shown).toMatchObject({ ...ledger, revision: 1, effective: { ...ledger, ...db.plan } });
  expect(shown).not.toHaveProperty('repository');
  expect((await run('plan', 'show', 'ledger')).stdout).toContain('# with its Defaults:\n#   repository: nas\n');
  await world.ask('plan.put', { name: 'own', engine: engine(), repository: 'nas' });
  expect(await world.ask('plan.get', { name: 'own' })).not.toHaveProperty('effective');

  const backup = await world.backUp('ledger');
  expect(backup).toMatchObject({ state: 'completed', context: { document: db.plan, policy: { attemptsMax: 7 } } });
  const checks = (await world.ask('plan.check', { name: 'ledger' })).checks as { name: string; ok: boolean }[];
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
  expect(checks.map(({ name }) => name)).toContain('repository');

  for (const [command, input] of [
    ['defaults.put', { ...db, plan: {} }],
    ['defaults.put', { ...db, match: { tier: 'web' } }],
    ['defaults.delete', { name: 'db' }],
  ] as const)
    expect(await world.refusal(command, input)).toMatchObject({
      code: 'invalid',
      message: 'the Defaults db would make plan ledger invalid: repository: is missing',
    });
  expect(await world.refusal('defaults.put', { ...db, plan: { repository: 'naas' } })).toMatchObject({
    code: 'invalid',
    message: 'the Defaults db: plan ledger: agent here has no repository naas',
    hint: 'did you mean nas?',
  });
  expect(await world.refusal('defaults.put', { ...db, plan: { repositry: 'nas' } })).toMatchObject({
    message: expect.stringContaining('plan.repositry: is not a known field; did you mean repository?'),
  });
  expect(await world.refusal('defaults.get', { name: 'bd' })).toMatchObject({ code: 'not-found' });
  expect(await world.ask('defaults.list')).toMatchObject({ defaults: [{ ...db, revision: 1 }] });
  // Defaults that make the plan overdue do so without a new put of the plan.
  await world.ask('defaults.put', { ...db, plan: { ...db.plan, objective: { maxAge: '1ms' } } });
  expect(await world.ask('plan.get', { name: 'ledger' })).toMatchObject({
    revision: 1,
    overdue: { why: expect.any(String) },
  });
});

test('a schedule is held against the plans, listed with what is known, and keeps its plan', async () => {
  await world.plan('ledger', { labels: { tier: 'db' } });
  const nightly = { name: 'nightly', plan: 'ledger', task: 'backup', cron: '0 1 * * *', timezone: 'Europe/Berlin' };
  expect(await world.refusal('schedule.put', { ...nightly, plan: 'leger' })).toMatchObject({
    code: 'invalid',
    message: 'schedule nightly: plan: there is no plan leger',
    hint: 'did you mean ledger?',
  });
  for (const [field, value] of Object.entries({ cron: '0 1 30 2 *', timezone: 'Europe/Berln', onMissd: 'skip' }))
    expect(await world.refusal('schedule.put', { ...nightly, [field]: value })).toMatchObject({
      code: 'invalid',
      message: expect.stringContaining(`schedule.put: ${field}: `),
    });
  expect(await world.ask('schedule.put', { ...nightly, requestId: 'r1' })).toMatchObject({ revision: 1, warnings: [] });
  expect(await world.ask('schedule.put', { ...nightly, cron: '0 2 * * *' })).toMatchObject({ revision: 2 });
  expect(await world.ask('schedule.put', { ...nightly, requestId: 'r1' })).toMatchObject({ revision: 1 });
  const web = { name: 'web', plans: { labels: { tier: 'web' } }, task: 'backup', every: '6h', labels: { a: 'b' } };
  expect(await world.ask('schedule.put', web)).toMatchObject({
    warnings: ['no plan has the labels tier: web now; it starts nothing until one has'],
  });
  const { schedules } = await world.ask('schedule.list');
  expect(schedules).toMatchObject([
    {
      name: 'nightly',
      cron: '0 2 * * *',
      revision: 2,
      next: expect.stringMatching(/T0[01]:00:00\.000Z$/),
      actors: [{ plan: 'ledger' }],
    },
    { ...web, revision: 1, state: null, since: null, next: null, lastFate: null, actors: [] },
  ]);
  expect(await world.ask('schedule.list', { labels: { a: 'b' } })).toMatchObject({ schedules: [{ name: 'web' }] });
  expect(await world.ask('schedule.list', { limit: 1 })).toMatchObject({ schedules: [{ name: 'nightly' }] });
  expect(await world.ask('schedule.list', { limit: 1, after: 'nightly' })).toMatchObject({
    schedules: [{ name: 'web' }],
  });
  expect(await world.ask('schedule.list', { after: 'web' })).toMatchObject({ schedules: [] });
  expect((await world.ask('schedule.preview', { name: 'nightly', count: 3 })).ticks).toHaveLength(3);
  expect(await world.refusal('schedule.preview', { name: 'nightly', plan: 'mail' })).toMatchObject({
    code: 'not-found',
    hint: 'it is for: ledger',
  });
  const { name: _, ...rest } = nightly;
  expect(await world.refusal('schedule.preview', { document: rest })).toMatchObject({ code: 'invalid' });
  expect(await world.refusal('schedule.get', { name: 'nightl' })).toMatchObject({ hint: 'did you mean nightly?' });
  expect(await world.refusal('plan.delete', { name: 'ledger' })).toMatchObject({
    code: 'conflict',
    message: expect.stringContaining('schedule nightly names it'),
  });
  expect((await run('schedule', 'list')).stdout).toMatch(/^nightly +ledger +backup +0 2 \* \* \* /m);
  expect((await run('schedule', 'show', 'nightly')).stdout).toMatch(
    /^# revision 2\n# ledger: .*next .*\nkind: Schedule\nname: nightly\n/,
  );
  await world.ask('schedule.delete', { name: 'nightly' });
  expect(await world.refusal('schedule.delete', { name: 'nightly' })).toMatchObject({ code: 'not-found' });
  await world.ask('plan.delete', { name: 'ledger' });
});

test('fates are listed by what they are asked for', async () => {
  const link = await openLink({ servers: [world.server.url], name: 'test' }, { signal: AbortSignal.timeout(10_000) });
  const fates = new NatsFates(link, new Names());
  const told = { schedule: 'nightly', plan: 'ledger', reason: 'it was due', run: 'r', at: '2026-01-02T00:00:00.000Z' };
  for (const day of ['01', '02', '03'])
    await fates.append({ ...told, tick: `2026-01-${day}T01:00:00.000Z`, fate: 'ran' });
  await link.close();
  const days = async (wanted: object) =>
    ((await world.ask('fate.list', wanted)).fates as { tick: string }[]).map(({ tick }) => tick.slice(8, 10));
  expect(await days({})).toEqual(['03', '02', '01']);
  expect(await days({ since: '2026-01-02', until: '2026-01-03' })).toEqual(['02']);
  expect(await days({ since: '2026-01-02T02:00:00+01:00', limit: 1 })).toEqual(['03']);
  expect(await days({ plan: 'ledger', schedule: 'other' })).toEqual([]);
  expect(await world.refusal('fate.list', { since: 'yesterday' })).toMatchObject({ code: 'invalid' });
  const audit = await run('audit', '--since', '2026-01-01', '--until', '2026-01-03');
  expect(audit.stdout.split('\n').map(line => line.split(/ {2,}/))).toEqual([
    ['AT', 'WHAT', 'PLAN', 'OUTCOME', 'RUN', 'WHY'],
    ['2026-01-01 01:00:00Z', 'tick nightly', 'ledger', 'ran', 'r', 'it was due'],
    ['2026-01-02 01:00:00Z', 'tick nightly', 'ledger', 'ran', 'r', 'it was due'],
    [''],
  ]);
  expect(audit.stderr).toContain('runs are known from now on');
  await world.plan('ledger');
  const { id } = await world.backUp('ledger');
  expect(JSON.parse((await run('audit', '-o', 'json')).stdout)).toMatchObject({
    ok: true,
    rows: [{ what: 'backup', plan: 'ledger', run: id, outcome: 'completed' }],
  });
  expect(await run('audit', '--since', 'yesterday')).toMatchObject({ status: 2 });
});

test('a directory is applied as a whole, again without a change, and with --prune it is the whole truth', async () => {
  const set = join(world.directory, 'set');
  mkdirSync(set);
  const path = world.source;
  writeFileSync(
    join(set, '3-defaults.yaml'),
    'kind: Defaults\nname: db\nmatch: { tier: db }\nplan: { repository: nas }\n',
  );
  const plans = ['ledger', 'orders'].map(
    name => `kind: Plan\nname: ${name}\nlabels: { tier: db }\nengine: { type: files, path: ${path} }\n`,
  );
  writeFileSync(join(set, '2-plans.yaml'), plans.join('---\n'));
  const nightly = 'kind: Schedule\nname: nightly\nplan: ledger\ntask: backup\ncron: "0 1 * * *"\n';
  writeFileSync(join(set, '1-schedules.yaml'), nightly);
  const documents = ['defaults db', 'plan ledger', 'plan orders', 'schedule nightly'];
  const lines = (each: (title: string) => string) => documents.map(title => `${each(title)}\n`).join('');
  expect(await run('apply', '-f', 'set', '--dry-run')).toMatchObject({
    status: 0,
    stdout: lines(title => `${title} would be created`),
  });
  expect(await world.ask('plan.list')).toMatchObject({ plans: [] });
  expect(await run('apply', '-f', 'set')).toMatchObject({
    status: 0,
    stdout: lines(title => `${title} created, revision 1`),
  });
  expect(await run('apply', '-f', 'set')).toMatchObject({
    status: 0,
    stdout: lines(title => `${title} unchanged, revision 1`),
  });

  // What the Defaults give goes into the plans, and back: neither can be put first in both directions.
  writeFileSync(join(set, '3-defaults.yaml'), 'kind: Defaults\nname: db\nmatch: { tier: db }\nplan: {}\n');
  writeFileSync(join(set, '2-plans.yaml'), plans.map(plan => `${plan}repository: nas\n`).join('---\n'));
  expect(await run('apply', '-f', 'set')).toMatchObject({ status: 0 });
  expect(await world.ask('plan.get', { name: 'ledger' })).toMatchObject({ repository: 'nas', revision: 2 });

  const backup = await world.backUp('orders');
  expect(backup.state).toBe('completed');
  writeFileSync(join(set, '2-plans.yaml'), `${plans[0]}repository: nas\nretry: { attempts: 2 }\n`);
  writeFileSync(join(set, '3-defaults.yaml'), '');
  const tried = await run('apply', '-f', 'set', '--prune', '--dry-run');
  expect(tried.stdout.split('\n')).toEqual([
    'plan ledger would be changed',
    '  retry: (none) -> {"attempts":2}',
    'schedule nightly unchanged',
    'plan orders would be left: plan orders cannot be deleted: 1 of its backups can be restored',
    'defaults db would be deleted',
    '',
  ]);
  const pruned = await run('apply', '-f', 'set', '--prune', '-o', 'json');
  expect(pruned.status).toBe(1);
  expect(JSON.parse(pruned.stdout)).toMatchObject([
    { kind: 'Plan', name: 'ledger', change: 'change', revision: 3, left: null },
    { kind: 'Schedule', name: 'nightly', change: 'unchanged', revision: 1 },
    {
      kind: 'Plan',
      name: 'orders',
      change: 'delete',
      left: expect.stringContaining(`backup ${backup.id} can be restored`),
    },
    { kind: 'Defaults', name: 'db', change: 'delete', left: null },
  ]);
  expect(await run('apply', '-f', 'set', '--prune', '--keep-backups')).toMatchObject({ status: 0 });
  expect(await world.ask('plan.list')).toMatchObject({ plans: [{ name: 'ledger' }] });
  expect(await world.catalogued()).toEqual([backup.id]);

  // What an agent refuses is told before anything is put.
  writeFileSync(join(set, '2-plans.yaml'), plans.map(plan => `${plan}repository: naas\n`).join('---\n'));
  writeFileSync(join(set, '1-schedules.yaml'), nightly.replace('0 1', '0 2'));
  const refused = await run('apply', '-f', 'set');
  expect(refused).toMatchObject({ status: 2, stdout: '' });
  expect(refused.stderr).toContain('agent here has no repository naas');
  expect(await world.ask('schedule.get', { name: 'nightly' })).toMatchObject({ cron: '0 1 * * *', revision: 1 });
});
