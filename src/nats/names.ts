/** Every subject, bucket and stream by its name, for one prefix (`reeve` unless configured). */
import { AnswerError } from '../core/answer-error.ts';

const prefixPattern = /^[a-z0-9](-?[a-z0-9])*$/;

export class Names {
  readonly prefix: string;
  /** Streams; a bucket's stream is `KV_` and its name. */
  readonly mailStream: string;
  readonly historyStream: string;
  readonly fatesStream: string;
  readonly refusedStream: string;
  readonly actorsBucket: string;
  readonly plansBucket: string;
  readonly catalogBucket: string;
  readonly agentsBucket: string;

  /** Throws `invalid` where `prefix` is not lower-case letters, digits and single dashes. */
  constructor(prefix = 'reeve') {
    if (!prefixPattern.test(prefix))
      throw new AnswerError('invalid', `"${prefix}" is no prefix`, 'use lower-case letters, digits and single dashes');
    const upper = prefix.toUpperCase();
    this.prefix = prefix;
    this.mailStream = `${upper}_MAIL`;
    this.historyStream = `${upper}_HISTORY`;
    this.fatesStream = `${upper}_FATES`;
    this.refusedStream = `${upper}_REFUSED`;
    this.actorsBucket = `${upper}_ACTORS`;
    this.plansBucket = `${upper}_PLANS`;
    this.catalogBucket = `${upper}_CATALOG`;
    this.agentsBucket = `${upper}_AGENTS`;
  }

  /** The subject of a command, or of all of them (`>`). */
  command(name: string): string {
    return `${this.prefix}.cmd.${name}`;
  }

  /** An actor's mailbox; `*` stands for any. */
  mailbox(kind: string, id: string): string {
    return `${this.prefix}.actor.${kind}.${id}`;
  }

  event(kind: string, id: string): string {
    return `${this.prefix}.event.${kind}.${id}`;
  }

  progress(kind: string, id: string): string {
    return `${this.prefix}.progress.${kind}.${id}`;
  }

  /** Where the fates of a schedule's ticks for a plan go; `*` stands for any. */
  fate(schedule: string, plan: string): string {
    return `${this.prefix}.fate.${schedule}.${plan}`;
  }

  /** `token` may hold any characters: those that a subject cannot take become `_`. */
  refusal(kind: string, id: string, token: string): string {
    return `${this.prefix}.refused.${kind}.${id}.${token.replace(/[^A-Za-z0-9_:-]/g, '_')}`;
  }
}

/** The stream that keeps a bucket. */
export function streamOf(bucket: string): string {
  return `KV_${bucket}`;
}

/** The subject of a key of a bucket. */
export function subjectOf(bucket: string, key: string): string {
  return `$KV.${bucket}.${key}`;
}
