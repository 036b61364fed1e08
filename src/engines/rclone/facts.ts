/**
 * What is known of rclone: of 1.60, as Debian 12 has it, by running it, and of newer ones by their documentation. It is
 * a fact of a version, so all of it stands here.
 */
import type { Reason } from '../../domain/reasons.ts';
import type { SkippedFile } from '../../domain/run.ts';

export const command = 'rclone';

/** INT and TERM both end it at once, but a shell that starts it in the background leaves INT ignored. */
export const stopSignal = 'SIGTERM';

/** Nothing is there by the name that was asked for: a directory, a file. */
export const exitNotFound: readonly (number | null)[] = [3, 4];

/** What it logs with level `error` beside the error itself; what a check finds is also told on its stdout. */
export const noise =
  /^(not deleting (files|directories) as there were IO errors|Attempt \d+\/\d+ (failed|succeeded)|file not in |(sizes|files|md5|sha1|sha256) differ|sum not found)/;

/** An attempt of its own is over and the next one begins: what failed may yet come right. */
export const nextAttempt = (message: string): boolean => {
  const [, at, of] = /^Attempt (\d+)\/(\d+) failed/.exec(message) ?? [];
  return at !== undefined && at !== of;
};

/** What it says of one file of the source that it cannot have. Everything else is about the remote. */
export const skippedBy: readonly { says: RegExp; why: SkippedFile['why']; code: string }[] = [
  { says: /source file is being updated/, why: 'changed', code: 'ECHANGED' },
  {
    says: /failed to (open source object|open directory|read directory entry).*no such file/,
    why: 'vanished',
    code: 'ENOENT',
  },
  {
    says: /failed to (open source object|open directory|read directory entry).*permission denied/,
    why: 'unreadable',
    code: 'EACCES',
  },
  {
    says: /failed to (open source object|open directory|read directory entry).*input\/output error/,
    why: 'unreadable',
    code: 'EIO',
  },
];

export interface KnownFailure {
  says: RegExp;
  kind: 'transient' | 'permanent';
  reason: Reason;
  hint: string;
}

/** What its last words mean, the first that fits. */
export const failures: readonly KnownFailure[] = [
  {
    says: /no space left|quota|insufficient storage|disk full|storage limit|507 /i,
    kind: 'permanent',
    reason: 'repository-full',
    hint: 'make room at the remote, then start the backup again',
  },
  {
    says: /\b40[13] |unauthorized|access ?denied|forbidden|invalidaccesskeyid|signaturedoesnotmatch|unable to authenticate|couldn't (log ?in|authenticate)|invalid_grant|login incorrect/i,
    kind: 'permanent',
    reason: 'auth-failed',
    hint: 'see that the credentials in its configuration file are right and may write there',
  },
  {
    says: /didn't find section in config file|couldn't find (method|backend)|failed to (load|decrypt) config/i,
    kind: 'permanent',
    reason: 'repository-unreachable',
    hint: "name the remote in the repository's configFile",
  },
  {
    says: /connection (refused|reset)|no such host|network is unreachable|no route to host|i\/o timeout|deadline exceeded|broken pipe|unexpected EOF|TLS handshake|50[0234] /i,
    kind: 'transient',
    reason: 'repository-unreachable',
    hint: 'see whether the remote can be reached from this host',
  },
  {
    says: /permission denied|read-only file system/i,
    kind: 'permanent',
    reason: 'repository-unreachable',
    hint: 'let the user of the agent write at the remote',
  },
];

/** The hashes that a listing is made of, the best first; a remote has some of them, or none. */
export const hashes = ['sha256', 'sha1', 'md5', 'crc32'] as const;
export type HashName = (typeof hashes)[number];
