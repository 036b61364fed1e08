import { expect, test } from 'vitest';
import type { UpOptions } from '../../src/cli/environment.ts';
import { freePort } from '../support/free-port.ts';
import { commandNames, reeve, startReeve } from './run-reeve.ts';

test('a mistyped command is wrong usage, and the nearest one is named', async () => {
  const ran = await reeve(['bakcup', 'photos']);
  expect(ran.status).toBe(2);
  expect(ran.stderr).toContain("unknown command 'bakcup'");
  expect(ran.stderr).toContain('Did you mean backup?');
  expect(ran.stdout).toBe('');
});

test.each([
  [['backup'], "missing required argument 'plan'"],
  [['backup', 'photos', '--wiat'], 'Did you mean --wait?'],
  [['backup', 'photos', '--timeout', '3'], 'It is not a duration'],
  [['backup', 'photos', 'more'], 'too many arguments'],
  [['ps', '-o', 'yaml'], 'Allowed choices are text, json'],
  [['restore', '--plan', 'photos'], 'no directory to restore into'],
  [['restore', '--to', '/tmp/x'], 'one backup, or one plan'],
  [['restore', 'b', '--plan', 'photos', '--to', '/tmp/x'], 'one backup, or one plan'],
  [['restore', '--repository', '/x', '--plan', 'p', '--to', '/y'], 'cannot be used with'],
  [['restore', '--plan', 'photos', '--dry-run'], 'no directory to restore into'],
  [['restore', 'b', '--at', '2026-01-01', '--to', '/y'], '--at 2026-01-01 is for the backups of a plan'],
  [['restore', '--repository', '/x', '--at', '2026-01-01', '--to', '/y'], '--at 2026-01-01 is for'],
  [['history', 'backup/b', '--limit', '1000000'], 'a whole number from 1 to 999999'],
  [['audit', '--since', '1d', '--until', '2d'], '--since 1d is after --until 2d'],
  [['audit', '--since', '2999-01-01'], '--since 2999-01-01 is to come'],
  [['audit', '--since', '999999999999d'], '--since 999999999999d names no moment'],
  [['ps', '--nats', ''], '"" is not a URL of a NATS server'],
  [['send', 'photos-1', '{}'], 'names no kind'],
  [['send', 'backup/photos-1', '{'], 'is not JSON'],
  [['send', 'backup/photos-1', '{}'], 'has no type'],
  [['agent'], 'name: is missing'],
  [[], 'Usage: reeve'],
])('%j is wrong usage: status 2, and standard error says why', async (words, says) => {
  const ran = await reeve(words);
  expect(ran.stderr).toContain(says);
  expect(ran).toMatchObject({ status: 2, stdout: '' });
});

test('every command has help with examples, or subcommands that have', async () => {
  const names = commandNames();
  expect(names.length).toBeGreaterThan(15);
  for (const name of names) {
    const ran = await reeve([name, '--help']);
    expect(ran.status, name).toBe(0);
    expect(ran.stdout, name).toContain('Examples:\n  ');
    expect(ran.stdout, name).toContain('--nats <url>');
  }
});

test('help names the exit statuses and goes to standard output', async () => {
  const ran = await reeve(['--help']);
  expect(ran).toMatchObject({ status: 0, stderr: '' });
  expect(ran.stdout).toContain('Exit status: 0 done');
});

test('the version is that of the environment', async () => {
  expect(await reeve(['--version'])).toEqual({ status: 0, stdout: '1.2.3\n', stderr: '' });
});

test('NATS away is status 3 and says how to get it', async () => {
  const url = `nats://secret:word@127.0.0.1:${await freePort()}`;
  const ran = await reeve(['ps', '--nats', url]);
  expect(ran).toMatchObject({ status: 3, stdout: '' });
  expect(ran.stderr).toContain('NATS is away: nothing answered at nats://127.0.0.1:');
  expect(ran.stderr).toContain('`reeve up`');
  expect(ran.stderr).not.toContain('secret');
});

test('with -o json an error is one JSON value on standard output', async () => {
  const ran = await reeve(['ps', '-o', 'json'], {
    variables: { REEVE_NATS_URL: `nats://127.0.0.1:${await freePort()}` },
  });
  expect(ran.status).toBe(3);
  expect(JSON.parse(ran.stdout)).toMatchObject({ ok: false, error: { code: 'unavailable' } });
});

test('an unreadable credentials file is invalid', async () => {
  const ran = await reeve(['ps', '--creds', '/not/there.creds']);
  expect(ran.status).toBe(2);
  expect(ran.stderr).toContain('cannot read the credentials from /not/there.creds (ENOENT)');
});

test('up gets absolute paths, the environment and its defaults, and its status is the exit status', async () => {
  const got: UpOptions[] = [];
  const up = async (options: UpOptions) => {
    got.push(options);
    return 7;
  };
  const variables = { XDG_STATE_HOME: '/state', REEVE_PREFIX: 'other', REEVE_NATS_CREDS: '/c' };
  expect((await reeve(['up', 'pictures'], { up, directory: '/home/me', variables })).status).toBe(7);
  expect(got).toEqual([
    {
      path: '/home/me/pictures',
      data: '/state/reeve',
      nats: undefined,
      creds: '/c',
      ca: undefined,
      prefix: 'other',
      http: '127.0.0.1:7480',
    },
  ]);
});

test('a defect in up is told, not lost', async () => {
  const ran = await reeve(['up'], { up: () => Promise.reject(new TypeError('boom')) });
  expect(ran.status).toBe(1);
  expect(ran.stderr).toContain('reeve: boom');
});

test('without --nats the embedded server of the state directory is asked', async () => {
  const asked: string[] = [];
  const running = startReeve(['agents'], {
    embeddedUrl: async directory => {
      asked.push(directory);
      return `nats://127.0.0.1:${await freePort()}`;
    },
  });
  expect((await running.ended).status).toBe(3);
  expect(asked).toEqual(['/home/somebody/.local/state/reeve']);
});
