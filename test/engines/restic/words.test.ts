/** What restic says and is told, old and new, without a restic. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { resticVersion } from '../../../src/engines/restic/call.ts';
import { resticEnvironment } from '../../../src/engines/restic/environment.ts';
import { resticFailure } from '../../../src/engines/restic/failures.ts';
import { messageOf, skippedOf } from '../../../src/engines/restic/messages.ts';
import { patternOf } from '../../../src/engines/restic/patterns.ts';
import { scopeFor } from './scopes.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'reeve-restic-words-'));
  writeFileSync(join(directory, 'password'), 'correct horse\n');
  writeFileSync(join(directory, 'env'), '# keys\nexport AWS_ACCESS_KEY_ID="a key"\nAWS_SECRET_ACCESS_KEY=s3cr3t=\n\n');
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const scope = () =>
  scopeFor({
    directory,
    repository: {
      ...{ type: 'restic', url: 'rest:https://bob:hunter2@example.net/mail' },
      ...{ passwordFile: join(directory, 'password'), envFile: join(directory, 'env') },
    },
    engine: { path: '/srv/mail' },
  });

describe('a pattern', () => {
  test.each([
    ['*.tmp', '/srv/mail/**/*.tmp'],
    ['cache/', '/srv/mail/**/cache/'],
    ['a/b', '/srv/mail/a/b'],
    ['/top', '/srv/mail/top'],
  ])('%s is tied to the path of the plan: %s', (glob, pattern) => {
    expect(patternOf('/srv/mail', glob)).toBe(pattern);
    expect(patternOf('/srv/mail/', glob)).toBe(pattern);
  });

  test('does not take the path itself for one', () => {
    expect(patternOf('/srv/[a]*', 'x')).toBe('/srv/\\[a\\]\\*/**/x');
    expect(patternOf('/', 'x')).toBe('/**/x');
  });
});

describe('a message', () => {
  test('of progress is told with what is unknown as null', () => {
    expect(
      messageOf('{"message_type":"status","percent_done":0.5,"total_bytes":10,"bytes_done":5,"seconds_elapsed":2}'),
    ).toEqual({
      progress: { bytesDone: 5, bytesTotal: 10, filesDone: 0, filesTotal: null, rateBytesPerS: 3, etaS: null },
    });
    expect(messageOf('created new cache in /x')).toBeUndefined();
    expect(messageOf('{"message_type":"verbose_status"}')).toBeUndefined();
    expect(messageOf('{not json')).toBeUndefined();
  });

  test('of an error names the file and the cause, in the words of old versions and new ones', () => {
    const line = (error: object, during = 'archival') =>
      JSON.stringify({ message_type: 'error', error, during, item: '/srv/a/b\nc' });
    const file = { path: 'a/b\\nc', why: 'unreadable' };
    expect(skippedOf(line({ Op: 'open', Err: 13 }), '/srv')).toMatchObject({ why: 'unreadable', code: 'EACCES' });
    expect(skippedOf(line({ message: 'open /srv/a: permission denied' }), '/srv')).toMatchObject({ code: 'EACCES' });
    expect(skippedOf(line({ Err: 2 }), '/srv')).toMatchObject({ why: 'vanished', code: 'ENOENT' });
    expect(skippedOf(line({}), '/srv')).toMatchObject({
      ...file,
      path: expect.not.stringContaining('\n'),
      code: 'unknown',
    });
    expect(skippedOf(line({}, 'scan'), '/srv')).toBeUndefined();
  });
});

describe('an end', () => {
  const said = async (code: number, stderrTail: string) =>
    (await resticFailure(await scope(), { code, signal: null, stderrTail })).failure;

  test.each([
    [12, 'Fatal: something new', 'auth-failed', 'permanent'],
    [11, 'Fatal: something new', 'repository-locked', 'transient'],
    [10, 'Fatal: something new', 'repository-unreachable', 'permanent'],
    [1, 'Fatal: wrong password or no key found', 'auth-failed', 'permanent'],
    [
      1,
      'unable to create lock in backend: repository is already locked by PID 1 on x',
      'repository-locked',
      'transient',
    ],
    [1, 'Fatal: unable to save snapshot: write /r/x: no space left on device', 'repository-full', 'permanent'],
    [
      1,
      'Fatal: unable to open config file: Head "https://x": dial tcp: i/o timeout',
      'repository-unreachable',
      'transient',
    ],
    [1, 'Fatal: unable to open config file: Stat: Access Denied.', 'auth-failed', 'permanent'],
    [1, `Fatal: open ${tmpdir()}/restic-temp-pack-1: no space left on device`, 'agent-disk-full', 'permanent'],
    [1, 'ReadFull: unexpected EOF\nFatal: repository contains errors', 'data-corrupt', 'permanent'],
    [1, 'Fatal: LoadIndex returned errors', 'data-corrupt', 'permanent'],
    [2, 'panic: of another kind', 'engine-failed', 'transient'],
  ])('with %i and "%s" is %s', async (code, words, reason, kind) => {
    expect(await said(code, words)).toMatchObject({ code: reason, kind });
  });

  test('is told without passwords, keys and the names in a URL', async () => {
    const words = 'Fatal: s3cr3t= and a key and correct horse at https://bob:hunter2@example.net/mail: no such host';
    const { message } = await said(1, words);
    expect(message).toContain('no such host');
    expect(message).not.toMatch(/s3cr3t|a key|correct horse|bob|hunter2/);
  });
});

describe('the environment', () => {
  test('has the variables of the envFile, and where and how to log in', async () => {
    expect(await resticEnvironment(await scope())).toEqual({
      AWS_ACCESS_KEY_ID: 'a key',
      AWS_SECRET_ACCESS_KEY: 's3cr3t=',
      RESTIC_REPOSITORY: 'rest:https://bob:hunter2@example.net/mail',
      RESTIC_PASSWORD_FILE: join(directory, 'password'),
      RESTIC_CACHE_DIR: join(directory, 'data', 'cache', 'restic'),
      RESTIC_PROGRESS_FPS: '1',
    });
  });

  test('is refused with the number of a line that is none, and without what it says', async () => {
    const env = join(directory, 'bad-env');
    writeFileSync(env, 'A=1\nthe secret itself\n');
    const { repository, ...rest } = await scope();
    const failure = resticEnvironment({ ...rest, repository: { ...repository, envFile: env } as typeof repository });
    await expect(failure).rejects.toMatchObject({
      failure: { code: 'auth-failed', message: `line 2 of ${env} is not NAME=value` },
    });
  });
});

test('a restic that is too old is as good as none', async () => {
  const path = process.env.PATH;
  writeFileSync(join(directory, 'restic'), '#!/bin/sh\necho "restic 0.13.1 compiled with go1.18"\n', { mode: 0o755 });
  process.env.PATH = `${directory}:${path}`;
  try {
    const version = resticVersion(await scope(), new AbortController().signal);
    await expect(version).rejects.toMatchObject({
      failure: { code: 'engine-missing', message: 'restic 0.13.1 is too old' },
    });
  } finally {
    process.env.PATH = path;
  }
});
