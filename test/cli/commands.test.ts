import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AnswerError } from '../../src/core/answer-error.ts';
import { startNatsServer, type TestServer } from '../support/nats-server.ts';
import { type FakeService, startFakeService, wireRecord } from './fake-service.ts';
import { type RunOptions, reeve } from './run-reeve.ts';

let server: TestServer;
let service: FakeService;
let directory: string;

beforeAll(async () => {
  server = await startNatsServer();
  service = await startFakeService(server.url);
  directory = await mkdtemp(join(tmpdir(), 'reeve-cli-'));
});
afterAll(async () => {
  await service?.close();
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
});
beforeEach(() => service.answers({}));

const run = (words: string[], options: RunOptions = {}) =>
  reeve(words, { directory, variables: { REEVE_NATS_URL: server.url }, ...options });

/** The actor of these tests, whatever kind is asked. */
const known = {
  'actor.get': ({ kind, id }: Record<string, unknown>) => {
    if (kind === 'backup' && id === 'photos-1') return { actor: wireRecord() };
    throw new AnswerError('not-found', `no actor ${kind}/${id}`);
  },
};

describe('answers', () => {
  test.each([
    ['invalid', 2],
    ['not-found', 1],
    ['conflict', 1],
    ['refused', 1],
    ['internal', 1],
    ['unavailable', 3],
  ] as const)('%s is exit status %d, with its message and hint on standard error', async (code, status) => {
    service.answers({
      'backup.start': () => {
        throw new AnswerError(code, 'what happened\u001b[2J', 'what next');
      },
    });
    const ran = await run(['backup', 'photos']);
    expect(ran).toEqual({ status, stdout: '', stderr: 'reeve: what happened\\x1b[2J\n  what next\n' });
    const json = await run(['backup', 'photos', '-o', 'json']);
    expect(json.status).toBe(status);
    expect(JSON.parse(json.stdout)).toEqual({
      ok: false,
      error: { code, message: 'what happened\u001b[2J', hint: 'what next' },
    });
  });

  test('nobody who serves is unavailable: no agent answers', async () => {
    const ran = await run(['backup', 'photos', '--prefix', 'elsewhere']);
    expect(ran.status).toBe(3);
    expect(ran.stderr).toContain('no agent answers backup.start');
    expect(ran.stderr).toContain('prefix elsewhere');
  });

  test('another prefix reaches the service under that prefix', async () => {
    const other = await startFakeService(server.url, 'other');
    try {
      other.answers({ 'backup.start': () => ({ id: 'x-1' }) });
      expect(await run(['backup', 'x', '--prefix', 'other'])).toMatchObject({ status: 0, stdout: 'x-1\n' });
    } finally {
      await other.close();
    }
  });
});

describe('actors', () => {
  test('an id without its kind is looked for under every kind; with its kind it is asked once', async () => {
    service.answers({ ...known, 'backup.cancel': () => ({ actor: wireRecord({ state: 'cancelling' }) }) });
    expect(await run(['cancel', 'photos-1', '--note', 'why'])).toMatchObject({
      status: 0,
      stdout: 'backup photos-1 is being cancelled\n',
    });
    expect(service.asked.at(-1)).toEqual(['backup.cancel', { id: 'photos-1', note: 'why' }]);
    service.asked.length = 0;
    expect((await run(['suspend', 'backup/photos-1'])).status).toBe(2);
    expect(service.asked.map(([command]) => command)).toEqual(['actor.get', 'backup.suspend']);
  });

  test('a command to a run whose agent is away says that it is stored, and for whom', async () => {
    service.answers({ ...known, 'backup.cancel': () => ({ actor: wireRecord({ reason: 'host-away' }) }) });
    const { status, stdout } = await run(['cancel', 'backup/photos-1']);
    expect([status, stdout]).toEqual([0, expect.stringContaining('an agent that is away: the command is stored')]);
  });

  test('an id that nothing has is not found, and what is no id is invalid', async () => {
    service.answers(known);
    const ran = await run(['show', 'nothing-1']);
    expect(ran.status).toBe(1);
    expect(ran.stderr).toContain('no actor is called "nothing-1"');
    expect((await run(['show', 'a b'])).status).toBe(2);
    expect((await run(['show', 'backup/x/y'])).status).toBe(2);
  });

  test('show prints the state, deadlines and what it can take; with -o json the answer as it came', async () => {
    service.answers(known);
    const ran = await run(['show', 'backup/photos-1']);
    expect(ran.stdout).toContain('state:           transferring, for ');
    expect(ran.stdout).toContain('deadline stall:  2026-01-01 00:15:10Z');
    expect(ran.stdout).toContain('backup.cancel');
    const json = await run(['-o', 'json', 'show', 'backup/photos-1']);
    expect(JSON.parse(json.stdout)).toEqual({ ok: true, actor: wireRecord() });
  });

  test('ps joins all pages, leaves out what has ended unless told, and escapes what came from outside', async () => {
    const { context: _, ...bare } = wireRecord();
    service.answers({
      'actor.list': ({ cursor }) =>
        cursor
          ? { actors: [{ ...bare, id: 'mail-1', state: 'failed', final: true, reason: 'engine-failed' }], cursor: null }
          : { actors: [{ ...bare, state: 'preparing\u202e' }], cursor: 'next' },
    });
    const ran = await run(['ps', '--plan', 'photos']);
    expect(ran.status).toBe(0);
    expect(ran.stdout.split('\n')[0]).toMatch(/^KIND +ID +STATE +SINCE +AGENT +REASON +PROGRESS$/);
    expect(ran.stdout).toContain('preparing\\u{202e}');
    expect(ran.stdout).not.toContain('mail-1');
    expect((await run(['ps', '--agent', 'nas-2'])).stderr).toContain('nothing runs that these options let through;');
    expect(service.asked[0]).toEqual(['actor.list', { plan: 'photos' }]);
    expect((await run(['ps', '--all'])).stdout).toContain('mail-1');
    expect(JSON.parse((await run(['ps', '-o', 'json'])).stdout).actors).toHaveLength(2);
  });

  test('history, explain, logs and send print what the service answers', async () => {
    service.answers({
      ...known,
      'actor.history': () => ({ records: [wireRecord(), wireRecord({ state: 'preparing', note: 'a\nb' })] }),
      'actor.explain': () => ({
        state: 'pending',
        why: 'it is queued',
        waitsFor: 'a slot',
        until: { deadline: 'pending', at: '2026-01-01T00:00:00.000Z' },
        canTake: ['backup.cancel'],
      }),
      'actor.logs': () => ({ text: 'one\u001b]0;x\ntwo \\x1b\n' }),
      'actor.send': () => ({ state: 'cancelling' }),
    });
    expect((await run(['history', 'backup/photos-1', '--limit', '2'])).stdout).toContain('a\\nb');
    expect(service.asked.at(-1)).toEqual(['actor.history', { kind: 'backup', id: 'photos-1', limit: 2 }]);
    await run(['explain', 'backup/photos-1', '--command', 'backup.resume']);
    expect(service.asked.at(-1)).toEqual([
      'actor.explain',
      { kind: 'backup', id: 'photos-1', command: { type: 'backup.resume' } },
    ]);
    expect((await run(['explain', 'backup/photos-1'])).stdout).toBe(
      'state:      pending\nwhy:        it is queued\nwaits for:  a slot\nuntil:      2026-01-01 00:00:00Z (deadline pending)\ncan take:   backup.cancel\n',
    );
    expect((await run(['logs', 'backup/photos-1'])).stdout).toBe('one\\x1b]0;x\ntwo \\x1b\n');
    expect((await run(['send', 'backup/photos-1', '{"type":"backup.cancel"}'])).stdout).toBe(
      '{"state":"cancelling"}\n',
    );
    expect(service.asked.at(-1)).toEqual([
      'actor.send',
      { kind: 'backup', id: 'photos-1', command: { type: 'backup.cancel' } },
    ]);
  });
});

describe('the cluster', () => {
  test('agents, drain, undrain and shutdown name the agent', async () => {
    service.answers({
      'agent.list': () => ({
        agents: [
          { name: 'nas-1', mode: 'running', actors: 2, labels: { site: 'fra' }, lastSeen: '2026-01-01T00:00:00.000Z' },
        ],
      }),
      'agent.drain': input =>
        input.dryRun ? { actors: [{ kind: 'backup', id: 'photos-1', would: 'suspend', takesMs: 2000 }] } : {},
      'agent.undrain': () => ({}),
      'agent.shutdown': () => ({}),
    });
    expect((await run(['agents'])).stdout).toContain('nas-1  running       2');
    expect((await run(['drain', 'nas-1', '--dry-run'])).stdout).toMatch(/photos-1 +suspend +2s/);
    expect((await run(['undrain', 'nas-1'])).stdout).toBe('agent nas-1 works again\n');
    expect((await run(['agents', 'shutdown', 'nas-1', '--note', 'bye'])).stdout).toBe('agent nas-1 is shutting down\n');
    expect(service.asked.at(-1)).toEqual(['agent.shutdown', { agent: 'nas-1', note: 'bye' }]);
  });

  test('plans are listed, shown as YAML that can be applied again, and deleted', async () => {
    const photos = {
      name: 'photos',
      engine: { type: 'files', path: '/srv/a\u202eb' },
      repository: { path: '/backup' },
    };
    service.answers({
      'plan.list': () => ({ plans: [photos] }),
      'plan.get': () => ({ ...photos, revision: 4 }),
      'plan.delete': () => ({}),
    });
    expect((await run(['plan', 'list'])).stdout).toContain('/backup');
    const shown = (await run(['plan', 'show', 'photos'])).stdout;
    expect(shown).toMatch(/^# revision 4\nkind: Plan\nname: photos\n/);
    expect(shown).not.toContain('\u202e');
    expect((await run(['plan', 'delete', 'photos', '--keep-backups'])).status).toBe(0);
    expect(service.asked.at(-1)).toEqual(['plan.delete', { name: 'photos', keepBackups: true }]);
    expect((await run(['plan', 'lst'])).stderr).toContain('Did you mean list?');
  });

  test('backups lists restore points', async () => {
    service.answers({
      'catalog.list': () => ({
        backups: [
          {
            id: 'photos-1',
            plan: 'photos',
            outcome: 'completed',
            completedAt: '2026-01-01T00:00:00.000Z',
            bytes: 2048,
            repository: 'nas',
            verifiedAt: null,
          },
        ],
      }),
    });
    expect((await run(['backups', 'photos'])).stdout).toMatch(
      /photos-1 +photos +completed +2026-01-01 00:00:00Z +2\.0 KiB +- +nas/,
    );
    expect(service.asked).toEqual([['catalog.list', { plan: 'photos' }]]);
  });

  test('machines are listed, and printed as JSON or as a diagram', async () => {
    const machine = {
      id: 'backup',
      initial: 'pending',
      states: { pending: { on: { go: [{ target: '#backup.done' }] } }, done: { type: 'final' } },
    };
    service.answers({
      'machine.list': () => ({ machines: [{ kind: 'backup', version: 3, commands: ['backup.cancel'] }] }),
      'machine.get': () => ({ machine }),
    });
    expect((await run(['machines'])).stdout).toMatch(/backup +3 +backup\.cancel/);
    expect(JSON.parse((await run(['machines', 'backup'])).stdout)).toEqual(machine);
    expect((await run(['machines', 'backup', '--format', 'mermaid'])).stdout).toContain('pending --> done: go');
  });

  test('verify takes a backup, or else a plan of that name', async () => {
    service.answers({
      'verify.start': input => {
        if (input.plan) return { id: 'photos-v' };
        throw new AnswerError('not-found', 'no such backup');
      },
    });
    expect(await run(['verify', 'photos'])).toMatchObject({ status: 0, stdout: 'photos-v\n' });
    expect((await run(['verify', 'Photos-20260101T000000Z-1'])).status).toBe(1);
  });

  test('restore sends an absolute directory, and a dry run prints what would be', async () => {
    service.answers({ 'restore.start': input => (input.dryRun ? { base: 'photos-1', bytes: 1024 } : { id: 'r-1' }) });
    expect((await run(['restore', '--plan', 'photos', '--to', 'out', '--include', 'a', '--include', 'b'])).stdout).toBe(
      'r-1\n',
    );
    expect(service.asked).toEqual([
      ['restore.start', { plan: 'photos', to: join(directory, 'out'), include: ['a', 'b'] }],
    ]);
    expect((await run(['restore', 'photos-1', '--to', 'out', '--dry-run'])).stdout).toBe(
      'base:   photos-1\nbytes:  1.0 KiB\n',
    );
  });
});
