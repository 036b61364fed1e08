import { expect, test } from 'vitest';
import { AnswerError } from '../../src/core/answer-error.ts';
import { eventually } from '../support/eventually.ts';
import { startNatsServer } from '../support/nats-server.ts';
import { fakeCluster } from './fake-cluster.ts';
import { startFakeService, wireRecord } from './fake-service.ts';
import { startReeve } from './run-reeve.ts';

const cluster = fakeCluster();

const start = (words: string[], columns?: number) =>
  startReeve(words, { variables: { REEVE_NATS_URL: cluster.server.url, NO_COLOR: '1' }, ...(columns && { columns }) });

/** A run that is under way until `record` is replaced. */
function underWay(): { record: Record<string, unknown> } {
  const run = { record: wireRecord() };
  cluster.service.answers({ 'backup.start': () => ({ id: 'photos-1' }), 'actor.get': () => ({ actor: run.record }) });
  return run;
}

const later = (change: Record<string, unknown>) =>
  wireRecord({ at: '2026-01-01T00:01:00.000Z', after: 9, final: true, ...change });
const progress = { bytesDone: 512, bytesTotal: 1024, filesDone: 1, filesTotal: 2, rateBytesPerS: 256, etaS: 2 };

test.each([
  ['completed', 0],
  ['failed', 1],
  ['cancelled', 4],
  ['timed-out', 4],
  ['lost', 4],
  ['partial', 5],
])('a wait for a run that ends %s ends with %d', async (state, status) => {
  const run = underWay();
  const running = start(['backup', 'photos', '--wait']);
  await eventually('the wait', () => running.waits);
  run.record = later({
    state,
    reason: state === 'completed' ? null : 'defect',
    context: { result: { bytes: 2048, files: 3 } },
  });
  cluster.service.tell('reeve.event.backup.photos-1', run.record);
  const ran = await running.ended;
  expect(ran).toMatchObject({ status, stdout: 'photos-1\n' });
  expect(ran.stderr).toContain(`backup photos-1 ${state}`);
  expect(ran.stderr).toContain('2.0 KiB in 3 files');
});

test('a run whose event was lost is found ended by asking', async () => {
  const run = underWay();
  const running = start(['backup', 'photos', '--wait']);
  await eventually('the first question', () => cluster.service.asked.some(([command]) => command === 'actor.get'));
  run.record = later({ state: 'completed' });
  expect((await running.ended).status).toBe(0);
});

test('a timeout ends the wait with 6, and the run goes on', async () => {
  underWay();
  const ran = await start(['backup', 'photos', '--timeout', '100ms']).ended;
  expect(ran.status).toBe(6);
  expect(ran.stderr).toContain('stopped waiting after 100ms; backup photos-1 goes on');
  expect(cluster.service.asked.map(([command]) => command)).not.toContain('backup.cancel');
});

test('Ctrl-C ends the wait, leaves the run going, and says so', async () => {
  underWay();
  const running = start(['backup', 'photos', '--wait']);
  await eventually('the wait', () => running.waits);
  running.interrupt();
  const ran = await running.ended;
  expect(ran.status).toBe(6);
  expect(ran.stderr).toContain('because of Ctrl-C; backup photos-1 goes on');
});

test('with -o json the one value is the newest record', async () => {
  const run = underWay();
  run.record = later({ state: 'partial' });
  const ran = await start(['backup', 'photos', '--wait', '-o', 'json']).ended;
  expect(ran.status).toBe(5);
  expect(JSON.parse(ran.stdout)).toEqual({ ok: true, actor: run.record });
});

test('a terminal gets a bar that is taken away at the end', async () => {
  const run = underWay();
  const running = start(['backup', 'photos', '--wait'], 100);
  await eventually('the first state', () => running.stderr.includes('transferring'));
  await eventually('the bar', () => {
    cluster.service.tell('reeve.progress.backup.photos-1', progress);
    return running.stderr.includes('50%');
  });
  expect(running.stderr).toContain('512 B of 1.0 KiB');
  run.record = later({ state: 'completed' });
  cluster.service.tell('reeve.event.backup.photos-1', run.record);
  const { stderr } = await running.ended;
  expect(stderr).toContain('\u001b[1A\r\u001b[0Jbackup photos-1 completed');
});

test('a cluster that goes away during the wait is told once, and waited for', async () => {
  const run = underWay();
  let away = true;
  cluster.service.answers({
    'backup.start': () => ({ id: 'photos-1' }),
    'actor.get': () => {
      if (away) throw new AnswerError('unavailable', 'no stream leader');
      return { actor: run.record };
    },
  });
  const running = start(['backup', 'photos', '--wait']);
  await eventually('that it is told', () => running.stderr.includes('the cluster does not answer; still waiting'));
  away = false;
  run.record = later({ state: 'completed' });
  expect((await running.ended).status).toBe(0);
});

test('a run that the cluster does not know ends the wait', async () => {
  cluster.service.answers({
    'backup.start': () => ({ id: 'photos-1' }),
    'actor.get': () => {
      throw new AnswerError('not-found', 'no such actor');
    },
  });
  expect((await start(['backup', 'photos', '--wait']).ended).status).toBe(1);
});

test('show -w follows a run to its end', async () => {
  const run = underWay();
  const running = start(['show', 'backup/photos-1', '-w']);
  await eventually('the wait', () => running.waits);
  run.record = later({ state: 'partial', context: { skipped: { count: 2, first: [], path: '/x/skipped' } } });
  cluster.service.tell('reeve.event.backup.photos-1', run.record);
  const ran = await running.ended;
  expect(ran.status).toBe(5);
  expect(ran.stdout).toContain('2 files were left out; the whole list is in /x/skipped');
});

test('show -w of a run that has ended is its record, with the status of its ending', async () => {
  const run = underWay();
  run.record = later({ state: 'failed', reason: 'engine-failed' });
  const ran = await start(['show', 'backup/photos-1', '-w']).ended;
  expect(ran).toMatchObject({ status: 1, stdout: expect.stringContaining('engine-failed') });
  expect((await start(['show', 'backup/photos-1']).ended).status).toBe(0);
});

test.each([[[]], [['-o', 'json']]])('Ctrl-C ends show -w %j with 6, which is no ending', async words => {
  underWay();
  const running = start(['show', 'backup/photos-1', '-w', ...words]);
  await eventually('the wait', () => running.waits);
  running.interrupt();
  const ran = await running.ended;
  expect(ran.status).toBe(6);
  expect(ran.stderr).toContain('backup photos-1 has not ended');
});

test('watch and ps -w say when NATS goes away, and when it is back', async () => {
  const server = await startNatsServer();
  const service = await startFakeService(server.url);
  try {
    service.answers({ 'actor.list': () => ({ actors: [wireRecord()], cursor: null }) });
    const variables = { REEVE_NATS_URL: server.url, NO_COLOR: '1' };
    const plain = [startReeve(['watch'], { variables }), startReeve(['ps', '-w'], { variables })];
    const drawn = startReeve(['ps', '-w'], { variables, columns: 120 });
    const all = [...plain, drawn];
    await eventually('the first list', () => all.every(({ waits }) => waits) && drawn.stdout.includes('photos-1'));
    await server.kill();
    const away = `NATS at ${server.url} is away`;
    await eventually('that it is away', () => plain.every(({ stderr }) => stderr.includes(away)));
    await eventually('the same in the table', () => drawn.stdout.includes(away));
    await server.restart();
    await eventually('that it is back', () => plain.every(({ stderr }) => stderr.includes('is back')));
    await eventually('a table without it', () => !drawn.stdout.split('KIND').at(-1)?.includes(away));
    for (const running of all) {
      running.interrupt();
      expect((await running.ended).status).toBe(0);
    }
  } finally {
    await service.close();
    await server.stop();
  }
});

test('watch prints a line a transition until Ctrl-C; with -o json a record', async () => {
  const record = wireRecord({ note: 'a\u001b[31m' });
  for (const [words, shown] of [
    [['watch'], '2026-01-01 00:00:10Z  backup/photos-1  preparing -> transferring  (source.prepared, "a\\x1b[31m")\n'],
    [['watch', '-o', 'json'], `${JSON.stringify(record)}\n`],
  ] as const) {
    const running = start([...words]);
    await eventually('a line', () => {
      cluster.service.tell('reeve.event.backup.photos-1', record);
      return running.stdout.includes(shown);
    });
    running.interrupt();
    expect((await running.ended).status).toBe(0);
  }
});

test('ps -w prints transitions, and on a terminal redraws its table', async () => {
  cluster.service.answers({ 'actor.list': () => ({ actors: [wireRecord({ id: 'mail-1' })], cursor: null }) });
  const plain = start(['ps', '-w']);
  const drawn = start(['ps', '-w'], 120);
  await eventually('the first list', () => plain.stdout.includes('mail-1') && drawn.stdout.includes('mail-1'));
  await eventually('the change', () => {
    cluster.service.tell('reeve.event.backup.photos-1', wireRecord());
    return plain.stdout.includes('photos-1') && drawn.stdout.includes('photos-1');
  });
  expect(drawn.stdout).toContain('\u001b[2A\r\u001b[0JKIND');
  for (const running of [plain, drawn]) {
    running.interrupt();
    expect((await running.ended).status).toBe(0);
  }
});
