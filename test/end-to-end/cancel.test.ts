/** A running backup that is cancelled, by command and by a plain NATS client. */
import { connect, headers } from 'nats';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { tellMeasured } from '../support/measured.ts';
import { holesIn, statesOf, World } from '../support/world.ts';

/** What a cancel may take; the tests' machine may have more to do. */
const promisedMs = 2_000;
const boundMs = 5_000;

let world: World;
beforeEach(async () => {
  world = await World.open();
});
afterEach(() => world?.close());

async function runningBackup(): Promise<string> {
  world.fill(60, 4_000_000);
  await world.runAgent();
  await world.plan('docs');
  const id = await world.start('docs');
  await world.moving(id);
  return id;
}

async function expectCancelled(id: string, since: number) {
  const record = await world.ending(id);
  const tookMs = performance.now() - since;
  tellMeasured(`cancel of a running backup, to its end (promised: ${promisedMs} ms)`, tookMs);
  expect(record).toMatchObject({ state: 'cancelled', final: true, context: { reason: 'user-cancelled', kept: [] } });
  expect(tookMs).toBeLessThan(boundMs);
  expect(world.engines()).toEqual([]);
  expect(world.runDirectories()).toEqual([]);
  expect(world.temporary()).toEqual([]);
  expect(await world.catalogued()).toEqual([]);
  expect(await world.listed()).toEqual([]);
  const history = await world.history(id);
  expect(holesIn(history)).toEqual([]);
  expect(statesOf(history).slice(2)).toEqual([
    'transferring',
    'cancelling',
    'cleaning.settling',
    'cleaning.removing',
    'cancelled',
  ]);
  return history;
}

test('a cancel by command ends a running backup in time, and leaves no process and no file of it', async () => {
  const id = await runningBackup();
  const since = performance.now();
  const { actor } = await world.ask('backup.cancel', { id, note: 'not now' });
  expect(actor).toMatchObject({ id, state: 'cancelling', note: 'not now' });
  await expectCancelled(id, since);
  expect(await world.refusal('backup.cancel', { id })).toMatchObject({ code: 'refused' });
  expect(await world.backUp('docs')).toMatchObject({ state: 'completed' });
});

test('a message to its mailbox from any NATS client does the same, and is answered where it asks', async () => {
  const id = await runningBackup();
  const connection = await connect({ servers: world.server.url });
  onTestFinished(() => connection.close());
  const answers: unknown[] = [];
  connection.subscribe('answers.here', { callback: (_, message) => void answers.push(message.json()) });
  await connection.flush();
  const asking = headers();
  asking.set('Reeve-Reply', 'answers.here');
  const since = performance.now();
  const stored = await connection.request(`reeve.actor.backup.${id}`, JSON.stringify({ type: 'backup.cancel' }), {
    timeout: 5_000,
    headers: asking,
  });
  expect(stored.json()).toMatchObject({ stream: 'REEVE_MAIL' });
  const history = await expectCancelled(id, since);
  expect(history.find(({ state }) => state === 'cancelling')).toMatchObject({ event: 'backup.cancel' });
  await eventually('the answer', () => answers.length > 0);
  expect(answers).toMatchObject([{ ok: true, actor: { kind: 'backup', id, state: 'cancelling' } }]);

  await connection.request(`reeve.actor.backup.${id}`, JSON.stringify({ type: 'backup.cancel' }), {
    headers: asking,
    timeout: 5_000,
  });
  await eventually('the second answer', () => answers.length > 1);
  expect(answers[1]).toMatchObject({ ok: false, error: { code: 'refused' } });
});

test('a cancel ends a backup whose engine is stopped, and one that waits for its turn', async () => {
  world.fill(10, 1_000_000);
  const agent = await world.runAgent({ env: { REEVE_FAILPOINTS: 'frame.before-write=stop@3' } });
  await world.plan('docs', { deadlines: { cancelGrace: '0s' } });
  const [first, second] = [await world.start('docs'), await world.start('docs')];
  await world.stoppedEngine();
  expect(await world.record(second)).toMatchObject({ state: 'pending' });
  await world.ask('backup.cancel', { id: second });
  expect(await world.ending(second)).toMatchObject({ state: 'cancelled' });
  await world.ask('backup.cancel', { id: first });
  expect(await world.ending(first)).toMatchObject({ state: 'cancelled', context: { reason: 'user-cancelled' } });
  expect(world.engines()).toEqual([]);
  expect(world.runDirectories()).toEqual([]);
  expect(agent.log.filter(({ level }) => Number(level) >= 50)).toEqual([]);
});
