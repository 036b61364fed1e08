/** What rclone 1.60 says, as it said it, and what becomes of it. */
import { expect, test } from 'vitest';
import { failureOfWords, Words } from '../../../src/engines/rclone/words.ts';

const stats =
  '{"level":"warning","msg":"\\nTransferred: ...","source":"accounting/stats.go:482","stats":{"bytes":1011723,"checks":2,"deletedDirs":0,"elapsedTime":1.04,"errors":0,"eta":2,"speed":1011481.23,"totalBytes":3000011,"totalChecks":2,"totalTransfers":4,"transfers":3},"time":"2026-11-26T17:41:28Z"}';
const error = (msg: string, object?: string) => JSON.stringify({ level: 'error', msg, object, source: 'x.go:1' });
const unreadable = error('Failed to copy: failed to open source object: open /s/secret: permission denied', 'secret');
const closed = error('failed to open directory "closed": open /s/closed: permission denied', 'closed');
const full = error('Failed to copy: write /d/a: no space left on device', 'a');

test('its statistics are progress', () => {
  expect(new Words().hear(stats)).toEqual({
    bytesDone: 1_011_723,
    bytesTotal: 3_000_011,
    filesDone: 5,
    filesTotal: 6,
    rateBytesPerS: 1_011_481,
    etaS: 2,
  });
});

test('files that it could not read are counted once, those of its last attempt', () => {
  const words = new Words();
  const attempt = (of: string) => error(`Attempt ${of} failed with 2 errors and: failed to open directory "closed"`);
  const changed = error("can't copy - source file is being updated (size changed from 1 to 2)", 'live');
  for (const line of [unreadable, closed, changed, attempt('1/3'), unreadable, closed, attempt('3/3')])
    words.hear(line);
  expect(words.onlySkipped()).toBe(true);
  expect(words.counts()).toEqual({ vanished: 0, changed: 0, unreadable: 2 });
  expect(words.skipped()).toEqual({
    count: 2,
    first: [
      { path: 'secret', why: 'unreadable', code: 'EACCES' },
      { path: 'closed', why: 'unreadable', code: 'EACCES' },
    ],
    path: null,
  });
});

test('an error about the remote is no skipped file', () => {
  const words = new Words();
  words.hearTail([unreadable, full].join('\n'));
  expect(words.onlySkipped()).toBe(false);
  expect(words.failure('it ended', '').failure).toMatchObject({ kind: 'permanent', code: 'repository-full' });
});

test('its last words are classified', () => {
  const last = (words: string) => {
    const { kind, code } = failureOfWords(
      'x',
      `2026/11/26 17:56:27 Failed to create file system for "x": ${words}`,
    ).failure;
    return `${kind} ${code}`;
  };
  expect(last('read metadata failed: Unauthorized: 401 Unauthorized')).toBe('permanent auth-failed');
  expect(last('dial tcp 127.0.0.1:9: connect: connection refused')).toBe('transient repository-unreachable');
  expect(last("didn't find section in config file")).toBe('permanent repository-unreachable');
  expect(last('something else')).toBe('transient engine-failed');
  expect(failureOfWords('it ended', '2026/11/26 17:56:27 Failed to sync: oh').failure.message).toBe(
    'it ended: Failed to sync: oh',
  );
});
