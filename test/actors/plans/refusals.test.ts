/** What the wire refuses, with which code and words, and that nothing is changed by it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AnswerError, answerCodes } from '../../../src/core/answer-error.ts';
import { eventually } from '../../support/eventually.ts';
import { World } from '../../support/world.ts';
import { type Raw, Wire } from '../wire.ts';

let world: World;
let wire: Wire;
/** One that stands in its transfer, its engine stopped, and one that is over. */
let running: string;
let over: string;

beforeAll(async () => {
  world = await World.open();
  wire = await Wire.open(world.server.url);
  world.fill(2, 100_000);
  await world.runAgent({ env: { REEVE_FAILPOINTS: 'frame.before-write=stop@1' } });
  await world.plan('docs', { deadlines: { cancelGrace: '0s' } });
  over = await world.start('docs');
  process.kill((await world.stoppedEngine()).pid, 'SIGCONT');
  await world.ending(over);
  world.fill(40, 1_000_000, 'more'); // so much that it cannot come to its end before it hears that it is to stop
  running = await world.start('docs');
  await world.stoppedEngine();
});
afterAll(async () => {
  await wire?.close();
  await world?.close();
});

/** All that is stored about the two runs: no refusal may change it. */
async function stored(): Promise<unknown> {
  const ids = [running, over];
  return {
    histories: await Promise.all(ids.map(id => world.history(id))),
    agent: await world.history('here', 'agent'),
    plans: await world.ask('plan.list'),
    catalog: await world.ask('catalog.list'),
    actors: await world.ask('actor.list'),
  };
}

function expectError(raw: Raw, code: keyof typeof answerCodes, message: string | RegExp, hint?: string | RegExp): void {
  const { error, ...rest } = raw.body;
  expect(rest).toEqual({ ok: false });
  expect(error).toEqual({
    code,
    message: typeof message === 'string' ? expect.stringContaining(message) : expect.stringMatching(message),
    hint: hint instanceof RegExp ? expect.stringMatching(hint) : expect.stringContaining(hint ?? ''),
  });
  expect(raw.number).toBe(String(answerCodes[code].number));
  expect(raw.description).toBe(error?.message);
}

type Case = [name: string, body: string | object, code: keyof typeof answerCodes, message: string, hint?: string];

const invalid = (): Case[] => [
  ['backup.start', '{', 'invalid', 'backup.start: its body is not JSON', 'send a JSON object'],
  ['backup.start', '[]', 'invalid', 'backup.start: its body is not a JSON object', 'send a JSON object'],
  ['plan.get', '"docs"', 'invalid', 'plan.get: its body is not a JSON object', 'send a JSON object'],
  ['backup.start', '', 'invalid', 'plan: is missing'],
  ['backup.start', { plan: 'docs', notes: 'x' }, 'invalid', 'notes: is not a known field; did you mean note?'],
  ['backup.start', { plan: 'Docs!' }, 'invalid', 'plan: is not a name'],
  ['backup.start', { plan: 7 }, 'invalid', 'plan: must be a string'],
  ['backup.cancel', { id: 'a b' }, 'invalid', 'id: is not an id'],
  ['backup.cancel', { id: running, reason: 'x' }, 'invalid', 'reason: is not a known field'],
  ['backup.cancel', { id: running, requestId: '' }, 'invalid', 'requestId'],
  ['restore.start', { plan: 'docs', to: 'relative' }, 'invalid', 'to: is not an absolute path'],
  ['restore.start', { plan: 'docs', backup: over, to: '/x' }, 'invalid', 'needs either backup or plan'],
  ['restore.start', { plan: 'docs', at: 'yesterday', to: '/x' }, 'invalid', 'at: must be latest'],
  ['plan.put', planWith({ path: 'relative' }), 'invalid', 'engine.path: is not an absolute path'],
  ['plan.put', planWith({ exclud: [] }), 'invalid', 'engine.exclud: is not a known field; did you mean exclude?'],
  ['plan.put', planWith({ type: 'tape' }), 'invalid', 'engine.type: must be files'],
  ['plan.put', { ...planWith({}), deadlines: { stall: '5 parsecs' } }, 'invalid', 'deadlines.stall: is not a duration'],
  ['backup.lock', { id: over, until: 'soon' }, 'invalid', 'until: is neither a time nor a duration'],
  [
    'plan.put',
    { ...planWith({}), retention: { keepDialy: 1 } },
    'invalid',
    'retention.keepDialy: is not a known field; did you mean keepDaily?',
  ],
  ['plan.put', { ...planWith({}), repository: 'nas' }, 'invalid', 'has no repository nas', 'define it'],
  ['plan.put', { ...planWith({}), placement: { agent: 'hera' } }, 'not-found', 'no agent hera', 'did you mean here?'],
  ['actor.list', { limit: 0 }, 'invalid', 'limit'],
  ['actor.send', { kind: 'backup', id: running }, 'invalid', 'command: is missing'],
];

const unknown = (): Case[] => [
  ['backup.start', { plan: 'dogs' }, 'not-found', 'there is no plan dogs', 'did you mean docs?'],
  ['plan.get', { name: 'dogs' }, 'not-found', 'there is no plan dogs', 'did you mean docs?'],
  ['plan.delete', { name: 'none-such' }, 'not-found', 'there is no plan none-such', 'reeve plan list'],
  ['catalog.list', { plan: 'dogs' }, 'not-found', 'there is no plan dogs'],
  ['backup.cancel', { id: 'none' }, 'not-found', 'there is no backup none'],
  ['backup.get', { id: 'none' }, 'not-found', 'there is no backup none'],
  ['restore.get', { id: over }, 'not-found', `there is no restore ${over}`],
  ['restore.start', { backup: running, to: '/x' }, 'not-found', `there is no backup ${running}`, 'reeve backups'],
  ['verify.start', { plan: 'dogs' }, 'not-found', 'there is no plan dogs'],
  ['prune.start', { plan: 'dogs' }, 'not-found', 'there is no plan dogs'],
  ['backup.lock', { id: running }, 'not-found', `there is no backup ${running}`, 'reeve backups'],
  ['backup.unlock', { id: 'none' }, 'not-found', 'there is no backup none', 'reeve backups'],
  ['backup.delete', { id: 'none' }, 'not-found', 'there is no backup none', 'reeve backups'],
  ['actor.get', { kind: 'bakup', id: over }, 'not-found', 'there is no kind "bakup"', 'did you mean backup?'],
  ['actor.history', { kind: 'backup', id: 'none' }, 'not-found', 'there is no backup none'],
  ['actor.list', { kind: 'bakup' }, 'not-found', 'there is no kind "bakup"', 'did you mean backup?'],
  ['agent.drain', { agent: 'hera' }, 'not-found', 'there is no agent hera', 'did you mean here?'],
  ['machine.get', { kind: 'bakup' }, 'not-found', 'there is no kind "bakup"', 'did you mean backup?'],
  ['backup.strat', { plan: 'docs' }, 'not-found', 'there is no command backup.strat', 'did you mean backup.start?'],
];

const impossible = (): Case[] => [
  ['prune.start', { plan: 'docs' }, 'refused', 'plan docs has no retention', 'reeve delete BACKUP'],
  ['backup.resume', { id: running }, 'refused', 'cannot take backup.resume: it is transferring', 'it can take: '],
  ['backup.cancel', { id: over }, 'refused', `backup ${over} is over: it is completed`, 'a final state is final'],
  ['backup.suspend', { id: over }, 'refused', `backup ${over} is over: it is completed`, 'a final state is final'],
  ['agent.undrain', { agent: 'here' }, 'refused', 'cannot take agent.undrain: it is running', 'agent.drain'],
];

function planWith(engine: object): object {
  return { name: 'wrong', engine: { type: 'files', path: '/srv', ...engine }, repository: { path: '/backup' } };
}

describe('a command', () => {
  test.each([
    ['that is invalid', invalid],
    ['about what is not there', unknown],
    ['that the state cannot take', impossible],
  ])('%s is refused with its code, message and hint, in the headers too, and changes nothing', async (_, cases) => {
    const before = await stored();
    for (const [name, body, code, message, hint] of cases())
      expectError(await wire.command(name, body), code, message, hint);
    expect(await stored()).toEqual(before);
  });

  test('is refused by our own client with the same code, message and hint', async () => {
    const client = await world.client();
    const error = await client.request('backup.start', { plan: 'dogs' }).catch((refused: unknown) => refused);
    expect(error).toEqual(new AnswerError('not-found', 'there is no plan dogs', 'did you mean docs?'));
  });
});

const forged = [
  'xstate.done.actor.transfer',
  'xstate.error.actor.transfer',
  'xstate.stop',
  'xstate.init',
  'deadline.passed',
  'run.drain',
  'agent.returned',
  'engine.stalled',
  'engine.progressed',
  'reeve.commit',
  'actor.adopted',
  'agent.cancel',
  'restore.cancel',
  'constructor',
  '__proto__',
  '*',
  '',
];

describe('a forged internal event', () => {
  test('through actor.send is invalid, and changes nothing', async () => {
    const before = await stored();
    for (const type of forged) {
      const command = { type, output: { outcome: 'completed' }, name: 'run', deadline: 0 };
      const answer = await wire.command('actor.send', { kind: 'backup', id: running, command });
      expectError(answer, 'invalid', 'is not a command of kind backup');
    }
    expect(await stored()).toEqual(before);
  });

  test('published to the mailbox is acknowledged, refused as invalid and recorded, and changes nothing', async () => {
    const before = await stored();
    for (const type of forged) {
      const { ack, outcome } = await wire.mail('backup', running, { type, output: {}, name: 'run', deadline: 0 });
      expect(ack).toMatchObject({ stream: 'REEVE_MAIL', seq: expect.any(Number) });
      expect(outcome).toMatchObject({
        ok: false,
        error: { code: 'invalid', message: `${JSON.stringify(type)} is not a command of kind backup` },
      });
      const refusal = await wire.newest('REEVE_REFUSED', `reeve.refused.backup.${running}.>`);
      expect(refusal).toMatchObject({ kind: 'backup', id: running, outcome: 'refused', code: 'invalid' });
      expect(refusal?.payload).toContain(JSON.stringify(type));
    }
    expect(await stored()).toEqual(before);
  });
});

describe('mail', () => {
  test('that is wrong is refused where it asks, with what is wrong, and changes nothing', async () => {
    const before = await stored();
    for (const [body, message] of [
      ['{"type":', 'the message is not a JSON object'],
      ['[]', 'the message is not a JSON object'],
      ['', 'the message is not a JSON object'],
      ['{}', 'a message without a type is not a command'],
      ['{"type":"backup.cancle"}', '"backup.cancle" is not a command of kind backup'],
      ['{"type":"backup.cancel","notes":"x"}', 'notes: is not a known field; did you mean note?'],
      ['{"type":"backup.cancel","note":7}', 'note: must be a text'],
      [`{"type":"backup.cancel","note":"${'x'.repeat(20_000)}"}`, 'bytes; the most is'],
    ] as const) {
      const { outcome } = await wire.mail('backup', running, body);
      expect(outcome).toMatchObject({ ok: false, error: { code: 'invalid', hint: expect.stringMatching(/./) } });
      expect(outcome.error?.message).toContain(message);
    }
    expect(await stored()).toEqual(before);
  });

  test('for an unknown actor is a dead letter, answered and recorded', async () => {
    const { ack, outcome } = await wire.mail('backup', 'nobody', { type: 'backup.cancel', note: 'hello' });
    expect(ack).toMatchObject({ stream: 'REEVE_MAIL' });
    expect(outcome).toMatchObject({ ok: false, error: { code: 'not-found', message: 'there is no backup nobody' } });
    expect(await wire.newest('REEVE_REFUSED', 'reeve.refused.backup.nobody.>')).toMatchObject({
      outcome: 'dead-letter',
      code: 'not-found',
      payload: expect.stringContaining('hello'),
    });
  });

  test('for a final actor is a dead letter, answered and recorded, and the actor stays as it is', async () => {
    const before = await stored();
    const { outcome } = await wire.mail('backup', over, { type: 'backup.cancel', requestId: 'too late' });
    expect(outcome).toMatchObject({
      ok: false,
      error: { code: 'refused', message: `backup ${over} is over: it is completed` },
    });
    expect(await wire.newest('REEVE_REFUSED', `reeve.refused.backup.${over}.>`)).toMatchObject({
      outcome: 'dead-letter',
      requestId: 'too late',
    });
    expect((await wire.mail('backup', over, { type: 'backup.cancel', requestId: 'too late' })).outcome).toEqual(
      outcome,
    );
    expect(await stored()).toEqual(before);
  });

  test('that the state cannot take is refused and recorded, with what it can take', async () => {
    const before = await stored();
    const { outcome } = await wire.mail('backup', running, { type: 'backup.resume' });
    expect(outcome).toMatchObject({
      ok: false,
      error: { code: 'refused', hint: 'it can take: backup.cancel, backup.suspend' },
    });
    expect(await wire.newest('REEVE_REFUSED', `reeve.refused.backup.${running}.>`)).toMatchObject({
      outcome: 'refused',
      code: 'refused',
    });
    expect(await stored()).toEqual(before);
  });
});

test('a command twice is taken once: suspend, resume and cancel, each refused the second time, or answered as the first', async () => {
  const suspend = { id: running, requestId: 'suspend it', note: 'a disk is swapped' };
  const first = await wire.command('backup.suspend', suspend);
  expect(first.body).toMatchObject({
    ok: true,
    actor: { id: running, event: 'backup.suspend', note: 'a disk is swapped', requests: ['suspend it'] },
  });
  expect(Object.keys(first.body.actor as object)).not.toContain('context');
  await world.reached(running, ({ state }) => state === 'suspended');
  const suspended = await world.history(running);
  expect((await wire.command('backup.suspend', suspend)).body).toEqual(first.body);
  expectError(await wire.command('backup.suspend', { id: running }), 'refused', 'cannot take backup.suspend');
  expect(await world.history(running)).toEqual(suspended);

  const resumed = await wire.command('backup.resume', { id: running });
  expect(resumed.body).toMatchObject({ ok: true, actor: { event: 'backup.resume' } });
  await world.stoppedEngine();

  const send = { kind: 'backup', id: running, command: { type: 'backup.cancel', requestId: 'cancel it' } };
  const cancelled = await wire.command('actor.send', send);
  expect(cancelled.body).toMatchObject({ ok: true, actor: { state: 'cancelling', event: 'backup.cancel' } });
  await world.ending(running);
  const history = await world.history(running);
  expect((await wire.command('actor.send', send)).body).toEqual(cancelled.body);
  expect((await wire.command('backup.cancel', { id: running, requestId: 'cancel it' })).body).toEqual(cancelled.body);
  expect((await wire.mail('backup', running, send.command)).outcome).toMatchObject({ ok: true });
  expectError(
    await wire.command('backup.resume', { id: running, requestId: 'cancel it' }),
    'conflict',
    'the requestId cancel it was used for another request',
  );
  expectError(await wire.command('backup.cancel', { id: running }), 'refused', 'is over: it is cancelled');
  expect(await world.history(running)).toEqual(history);
  await eventually('no engine', () => world.engines().length === 0);
});
