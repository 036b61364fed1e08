/**
 * What is known of restic, in one place: names, codes, bounds and words, with the versions that they hold for. Found by
 * running 0.14; what begins later is from its change log. Its words matter only where an old version has no code.
 */
import type { Failure } from '../../core/failure.ts';
import type { Reason } from '../../domain/reasons.ts';

export const resticCommand = 'restic';

/** The oldest that is known to behave as written here. */
export const oldestVersion = [0, 14] as const;

/**
 * On INT it ends within a second and removes its lock; under `--limit-upload` only once what it is sending is through,
 * which took 12 s at 2 MiB/s. TERM kills 0.14 with its lock left (handled since 0.17).
 */
export const stopSignal = 'SIGINT';

export const exits = {
  done: 0,
  /** The snapshot is made, and lacks what could not be read. */
  unreadable: 3,
  /** Since 0.17; before, 1 for everything. */
  noRepository: 10,
  locked: 11,
  /** Since 0.17.1. */
  wrongPassword: 12,
} as const;

/** A lock that is refreshed every five minutes counts as stale for restic itself when it is older than this. */
export const staleLockMs = 30 * 60_000;

/** Files that a local repository has while something is stored: one that was killed leaves them. */
export const temporaryName = /^[0-9a-f]{64}-tmp-\d+$/;

export interface Complaint {
  said: RegExp;
  /** The exit status that says the same. */
  exit?: number;
  kind: Failure['kind'];
  reason: Reason;
  /** In words, of this repository. */
  what: string;
  hint: string;
}

/** In this order: the first that fits is what happened. */
export const complaints: readonly Complaint[] = [
  {
    said: /wrong password or no key found|Resolving password failed/,
    exit: exits.wrongPassword,
    kind: 'permanent',
    reason: 'auth-failed',
    what: 'refused the password',
    hint: 'correct the passwordFile of the repository; the next attempt reads it anew',
  },
  {
    said: /Access ?Denied|InvalidAccessKeyId|SignatureDoesNotMatch|\b40[13] (Unauthorized|Forbidden)|unexpected HTTP response \(40[13]\)/i,
    kind: 'permanent',
    reason: 'auth-failed',
    what: 'refused the credentials',
    hint: 'correct the envFile of the repository; the next attempt reads it anew',
  },
  {
    said: /no space left on device|disk quota exceeded|quota ?exceeded|insufficient storage/i,
    kind: 'permanent',
    reason: 'repository-full',
    what: 'is full',
    hint: 'make room there, for example by a prune, and start again',
  },
  {
    said: /repository is already locked/,
    exit: exits.locked,
    kind: 'transient',
    reason: 'repository-locked',
    what: 'is locked by another restic',
    hint: 'wait for it; if it is dead on another host, run `restic unlock` there',
  },
  {
    said: /dial tcp|dial unix|connection (refused|reset)|no such host|network is unreachable|no route to host|i\/o timeout|TLS handshake|subprocess ssh/,
    kind: 'transient',
    reason: 'repository-unreachable',
    what: 'cannot be reached',
    hint: 'see that its host is up and can be reached from this agent',
  },
  {
    said: /all target directories\/files do not exist/,
    kind: 'permanent',
    reason: 'source-missing',
    what: 'got nothing: the path of the plan is not there',
    hint: 'mount it, or correct the path in the plan',
  },
  {
    said: /unable to open config file|Is there a repository at the following location/,
    exit: exits.noRepository,
    kind: 'permanent',
    reason: 'repository-unreachable',
    what: 'is not a restic repository, or not there',
    hint: 'mount it, or correct its url; a backup makes it where its directory is there',
  },
];

/** That something stored is not what it was, by `check` and by whatever reads it. */
export const damageSaid =
  /repository contains errors|LoadIndex returned errors|invalid data returned|ciphertext verification failed|Pack ID does not match|StreamPack:|not found in repository/;
