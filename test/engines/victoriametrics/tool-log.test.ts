/** What vmbackup and vmrestore say, in lines that they said. */
import { expect, test } from 'vitest';
import { ToolLog } from '../../../src/engines/victoriametrics/tool-log.ts';

const line = (msg: string, level = 'info', ts = '2026-01-01T00:00:00.000Z') =>
  JSON.stringify({ ts, level, caller: 'VictoriaMetrics/lib/backup/actions/backup.go:143', msg });
const end = { code: 255, signal: null, stderrTail: '' };

test('progress is in bytes, or in parts where they are copied at the server', () => {
  const log = new ToolLog();
  expect(log.hear(line('obtained 23 parts from src fslocal "data/snapshots/x"'))).toBeUndefined();
  expect(
    log.hear(line('server-side copied 20 out of 23 parts from origin fsremote "/r/1" to dst fsremote "/r/2" in 5ms')),
  ).toMatchObject({ filesDone: 20, filesTotal: 23, bytesDone: null });
  const uploaded = 'uploaded 1000 out of 4000 bytes from src fslocal "data" to dst fsremote "/r/2" in 10.0s';
  expect(log.hear(line(uploaded, 'info', '2026-01-01T00:00:10.000Z'))).toEqual({
    bytesDone: 1_000,
    bytesTotal: 4_000,
    filesDone: 20,
    filesTotal: 23,
    rateBytesPerS: 100,
    etaS: 30,
  });
  expect(log.hear('goroutine 1 [running]:')).toBeUndefined();
  expect(log.parts).toBe(23);
  expect(log.backedUp).toBeNull();
});

test('the last word has the counts, whatever the paths before it say', () => {
  const log = new ToolLog();
  const tail =
    'is complete; backed up 2119017 bytes in 0.040 seconds; deleted 1512086 bytes; server-side copied 0 bytes; uploaded 2119015 bytes';
  log.hear(line(`starting backup from fslocal "/${tail}/x" to fsremote "/r" using origin fsnil`));
  expect(log.backedUp).toBeNull();
  log.hear(line(`backup from src fslocal "data" to dst fsremote "/r" with origin fsnil ${tail}`));
  expect(log.backedUp).toEqual({ bytes: 2_119_017, uploaded: 2_119_015 });
});

test.each([
  [
    'cannot create backup: cannot upload part{path: "x", file_size: 8, offset: 0, size: 8} to dst fsremote "/s/x": cannot upload data to "/s/x/8": write /s/x/8: no space left on device',
    'repository-full',
    'permanent',
  ],
  [
    'cannot open snapshot at "/d/snapshots/20261126173817-18EBA8FABD909F1C": open /d/snapshots/20261126173817-18EBA8FABD909F1C: permission denied',
    'source-missing',
    'permanent',
  ],
  [
    'cannot open snapshot at "/d/snapshots/20261126173817-18EBA8FABD909F1C": open /d/snapshots/20261126173817-18EBA8FABD909F1C: no such file or directory',
    'source-missing',
    'transient',
  ],
  [
    'cannot create backup: cannot delete `backup complete` file at fsremote "/r/nb": cannot remove "/r/nb/backup_complete.ignore": remove /r/nb/backup_complete.ignore: permission denied',
    'repository-unreachable',
    'permanent',
  ],
  [
    'cannot create backup: cannot upload part{path: "x"} to dst fsremote "/r/x": cannot create directory "/r/x": mkdir /r: no such file or directory',
    'repository-unreachable',
    'transient',
  ],
  [
    'cannot create backup: cannot delete `backup complete` file at S3{bucket: "bucket", dir: "x/"}: cannot open "backup_complete.ignore" at S3{bucket: "bucket", dir: "x/"} (remote path "x/backup_complete.ignore"): NoCredentialProviders: no valid providers in chain. Deprecated.',
    'auth-failed',
    'permanent',
  ],
  [
    'cannot restore from backup: invalid size for part{path: "values.bin", file_size: 1329557, offset: 0, size: 1329557}; got 1000; want 1329557',
    'data-corrupt',
    'permanent',
  ],
  [
    'cannot restore from backup: cannot find backup_complete.ignore file in fsremote "/r/1"; this means either incomplete backup or old backup',
    'data-corrupt',
    'permanent',
  ],
  [
    'cannot restore from backup: cannot create lock file in "/d"; make sure VictoriaMetrics doesn\'t use the dir; error: cannot acquire lock on file "/d/flock.lock": resource temporarily unavailable',
    'engine-failed',
    'permanent',
  ],
  [
    'cannot start http server at 127.0.0.1:18428: listen tcp4 127.0.0.1:18428: bind: address already in use',
    'engine-failed',
    'transient',
  ],
])('%s: %s', (message, code, kind) => {
  const log = new ToolLog();
  log.hear(line(message, 'fatal'));
  expect(log.failure(end).failure).toMatchObject({ code, kind, message: expect.stringContaining(message.slice(-60)) });
});

test('an end without a last word is told by its signal', () => {
  const failure = new ToolLog().failure({ code: null, signal: 'SIGKILL', stderrTail: '' }).failure;
  expect(failure).toMatchObject({ code: 'engine-failed', message: expect.stringContaining('was killed by SIGKILL') });
});
