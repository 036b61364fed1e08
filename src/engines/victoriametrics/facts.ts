/**
 * What is known of VictoriaMetrics 1.79 (Debian 12), and nowhere else in this folder. [T] was seen by running it.
 *
 * - vmbackup and vmrestore end with 0, or with 255 after a line of level `fatal`; a wrong flag ends with 2 [T].
 * - Killed by TERM or INT at once; the same arguments then go on into the same destination: it compares each part's name
 *   and size, and sends again what differs [T]. From 1.117 on it handles TERM and ends by itself.
 * - `backup_complete.ignore` is removed first and written last. Parts are synced before it [T].
 * - With `-origin` on `fs://` parts are hard links into the backup before [T].
 * - vmrestore ends with 0 also where the file of a part is missing altogether [T]: what it restored must be counted.
 * - A clash of `-httpListenAddr` ends it with 255 [T]; port 0 takes a free one.
 * - Deleting a snapshot that is not there is answered as done, and so are two deletions of one at once [T].
 * - Deleting one that is being made, which the list has by then, fails its making, or ends the server with a panic [T].
 * - Snapshots are made one after the other: one is named when the one before it is whole, or has failed, and the number in
 *   its name is larger [T]. Later versions do so, too, by their sources.
 */
import type { Failure } from '../../core/failure.ts';
import type { Reason } from '../../domain/reasons.ts';

export const commands = { backup: 'vmbackup', restore: 'vmrestore', server: 'victoria-metrics' } as const;

/** Killed at once by it, and nothing is lost: the snapshot is ours, the destination is gone on with. */
export const stopSignal = 'SIGTERM';

/** On stdout, for that is what a run's lines are heard from; a log on stderr has the same lines. */
export const commonFlags = ['-loggerFormat=json', '-loggerOutput=stdout', '-httpListenAddr=127.0.0.1:0'] as const;

/** How a server is started that only reads: it must drop nothing for its age, and needs little memory. */
export const readingFlags = [
  '-retentionPeriod=100y',
  '-loggerFormat=json',
  '-loggerOutput=stdout',
  '-memory.allowedPercent=20',
] as const;

/** In its metrics, the samples that the parts of its storage say they have, and the series that were deleted there. */
export const metrics = {
  storedRows: /^vm_rows\{type="storage\/[^"]*"\} (\S+)$/gm,
  deletedSeries: /^vm_deleted_metrics_total\{[^}]*\} (\S+)$/gm,
} as const;

export const paths = {
  health: '/health',
  list: '/snapshot/list',
  create: '/snapshot/create',
  delete: '/snapshot/delete',
} as const;

/** In its data directory, each snapshot under its name. */
export const snapshotsDirectory = 'snapshots';

/** `20261126173817-18EBA8FABD909F1C`: when it was made, by the server's clock in UTC, and a counter. */
export const snapshotName = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)-([0-9A-Fa-f]+)$/;

/** Written last into a backup. */
export const completeMarker = 'backup_complete.ignore';

/** The name of a part in a backup, in the directory named as its file: the file's size, the part's offset and size. */
export const partName = /^([0-9A-F]{16})_([0-9A-F]{16})_([0-9A-F]{16})$/;

/** Messages of the log that say how far it is. */
export const said = {
  progress: /^(?:uploaded|downloaded|server-side copied|deleted) (\d+) out of (\d+) (bytes|parts) /,
  sourceParts: /^obtained (\d+) parts from src /,
  backedUp:
    /is complete; backed up (\d+) bytes in [\d.]+ seconds; deleted \d+ bytes; server-side copied \d+ bytes; uploaded (\d+) bytes$/,
  restored: /^restored (\d+) bytes from backup in /,
} as const;

export interface Meaning {
  pattern: RegExp;
  kind: Failure['kind'];
  code: Reason;
  hint: string;
}

/** What the last words of vmbackup and vmrestore mean; the first pattern that fits. */
export const meanings: readonly Meaning[] = [
  {
    pattern: /no space left on device|disk quota exceeded/,
    kind: 'permanent',
    code: 'repository-full',
    hint: 'free space there, then start it again',
  },
  {
    pattern: /cannot open snapshot at .*permission denied/,
    kind: 'permanent',
    code: 'source-missing',
    hint: 'let the user that the agent runs as read the data path',
  },
  {
    pattern: /cannot open snapshot at/,
    kind: 'transient',
    code: 'source-missing',
    hint: 'somebody deleted the snapshot of the run, or the plan has the data path of another server',
  },
  {
    pattern: /cannot find backup_complete\.ignore|invalid size for part/,
    kind: 'permanent',
    code: 'data-corrupt',
    hint: 'see with a verify what is damaged, and restore another backup',
  },
  {
    pattern: /cannot acquire lock on file/,
    kind: 'permanent',
    code: 'engine-failed',
    hint: 'VictoriaMetrics must not run on the directory that is restored into',
  },
  {
    pattern: /unsupported scheme/,
    kind: 'permanent',
    code: 'engine-failed',
    hint: 'this vmbackup cannot write there: correct the url of the repository',
  },
  {
    pattern: /NoCredentialProviders|AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|status code: 40[13]/,
    kind: 'permanent',
    code: 'auth-failed',
    hint: 'correct credentialsFile or envFile of the repository; they are read again at each attempt',
  },
  {
    pattern: /(permission denied|read-only file system|not a directory)$/,
    kind: 'permanent',
    code: 'repository-unreachable',
    hint: 'let the user that the agent runs as read and write there',
  },
  {
    pattern: /connection refused|no such host|RequestError|i\/o timeout|status code: 5\d\d|NoSuchBucket/,
    kind: 'transient',
    code: 'repository-unreachable',
    hint: 'see whether the store of the repository can be reached from this host',
  },
  {
    pattern: /^cannot create backup: .* (fsremote|S3\{|GCS\{)/,
    kind: 'transient',
    code: 'repository-unreachable',
    hint: 'check the disk or the mount of the repository',
  },
];
