/**
 * Intake: what a message is, before its actor is asked. Only declared commands get in, each through its schema: never
 * `xstate.*`, never the runtime's own events, never facts, for a forged internal event would move a machine.
 */
import { createHash } from 'node:crypto';
import type { EventObject } from 'xstate';
import { nearest } from '../core/nearest.ts';
import { checkAgainst } from '../core/schema.ts';
import type { MachineDefinition } from './definition.ts';
import type { Host } from './host.ts';
import type { Mail, Refusal } from './mailboxes.ts';
import { type ActorRecord, keyOf } from './record.ts';

/** Why a message has no effect. */
export interface Refused {
  code: 'invalid' | 'refused' | 'not-found';
  message: string;
  hint: string;
}

export type Judgement =
  | { verdict: 'command'; command: EventObject }
  /** Its `requestId` was answered before. */
  | { verdict: 'repeated'; answer: unknown }
  /** `crashes` where it is passed over because it crashed its actor. */
  | ({ verdict: 'refused'; crashes?: number } & Refused);

/** After this many crashes on one message it is refused, and intake moves past it. */
export const crashesMax = 2;

/** Longest payload of a message, in bytes. */
export const payloadBytesMax = 16 * 1024;

/**
 * What a message is to an actor that stands at `record`. `mayBeKnown`: the actor may have refused it in an earlier life,
 * which no record says.
 */
export async function judge(
  mail: Mail,
  definition: MachineDefinition,
  record: ActorRecord,
  host: Pick<Host, 'refusals' | 'poison'>,
  mayBeKnown: boolean,
): Promise<Judgement> {
  const crashes = host.poison.get(poisonKey(mail)) ?? 0;
  if (crashes >= crashesMax) return { verdict: 'refused', crashes, ...poisonous(mail) };
  const parsed = commandOf(mail, definition);
  if ('code' in parsed) return { verdict: 'refused', ...parsed };
  const { command } = parsed;
  const { requestId } = command as { requestId?: unknown };
  const isRequest = typeof requestId === 'string';
  if (isRequest && record.requests.includes(requestId)) return { verdict: 'repeated', answer: repeatedAt(record) };
  const token = isRequest ? tokenOfRequest(requestId) : mayBeKnown ? tokenOfMail(mail) : undefined;
  const before = token && (await host.refusals.find(mail.kind, mail.id, token));
  if (before && before.outcome === 'refused') return { verdict: 'repeated', answer: answerOf(before) };
  return { verdict: 'command', command };
}

/** The answer to a request that took effect before. */
export function repeatedAt({ kind, id, state }: ActorRecord): object {
  return { ok: true, repeated: true, actor: { kind, id, state } };
}

function poisonous(mail: Mail): Refused {
  const message = `the message crashed ${keyOf(mail)} ${crashesMax} times`;
  return { code: 'refused', message, hint: 'report the defect; the message is passed over' };
}

function commandOf(mail: Mail, definition: MachineDefinition): { command: EventObject } | Refused {
  if (mail.payload.length > payloadBytesMax)
    return {
      code: 'invalid',
      message: `the message has ${mail.payload.length} bytes; the most is ${payloadBytesMax}`,
      hint: 'send less: a command names what is configured',
    };
  const body = parsedPayload(mail.payload);
  if (body === undefined)
    return {
      code: 'invalid',
      message: 'the message is not a JSON object',
      hint: 'send for example {"type":"backup.cancel"}',
    };
  const commands = definition.commands ?? {};
  const { type } = body;
  if (typeof type !== 'string' || !Object.hasOwn(commands, type)) {
    const known = Object.keys(commands).sort();
    const close = typeof type === 'string' ? nearest(type, known) : undefined;
    const hint = close ? `did you mean ${close}?` : `it takes: ${known.join(', ') || 'no commands'}`;
    const word = typeof type === 'string' ? JSON.stringify(type.slice(0, 80)) : 'a message without a type';
    return { code: 'invalid', message: `${word} is not a command of kind ${mail.kind}`, hint };
  }
  const schema = commands[type];
  const checked = schema ? checkAgainst(schema, body) : { wrong: 'it has no schema' };
  if (checked.wrong !== undefined)
    return {
      code: 'invalid',
      message: `${type} to ${mail.kind} ${mail.id}: ${checked.wrong}`,
      hint: 'correct it and send it again',
    };
  return { command: checked.value as EventObject };
}

/** The record of a refusal, which is also the dead letter of a message that nobody can take. */
export function refusalOf(mail: Mail, why: Refused, at: string, outcome: Refusal['outcome'] = 'refused'): Refusal {
  const requestId = requestIdOf(mail.payload);
  return {
    kind: mail.kind,
    id: mail.id,
    outcome,
    token: requestId === null ? tokenOfMail(mail) : tokenOfRequest(requestId),
    code: why.code,
    message: why.message,
    hint: why.hint,
    at,
    mail: { seq: mail.seq, at: mail.at },
    requestId,
    payload: Buffer.from(mail.payload.subarray(0, 1_024)).toString('utf8'),
  };
}

/** The answer that a refusal is to its sender. */
export function answerOf(refusal: Refusal): { ok: false; error: Refused } {
  return { ok: false, error: { code: refusal.code as Refused['code'], message: refusal.message, hint: refusal.hint } };
}

export function poisonKey(mail: Mail): string {
  return `${mail.kind}.${mail.id}/${mail.seq}/${mail.at}`;
}

/** The token of a message without a `requestId`: its place. */
export function tokenOfMail(mail: Mail): string {
  return `${mail.seq}-${Date.parse(mail.at)}`;
}

/** The token of a message with a `requestId`. */
export function tokenOfRequest(requestId: string): string {
  return `r-${createHash('sha256').update(requestId).digest('hex').slice(0, 32)}`;
}

/** The `requestId` of a payload; null where it has none that could be one. */
export function requestIdOf(payload: Uint8Array): string | null {
  const requestId = parsedPayload(payload)?.requestId;
  return typeof requestId === 'string' && requestId.length <= 128 ? requestId : null;
}

/** The type of a payload's command, to be told; null where it names none. */
export function typeOf(payload: Uint8Array): string | null {
  const type = parsedPayload(payload)?.type;
  return typeof type === 'string' ? type : null;
}

/** The payload as a JSON object, or undefined where it is none. */
export function parsedPayload(payload: Uint8Array): Record<string, unknown> | undefined {
  if (payload.length > payloadBytesMax) return undefined;
  try {
    const body: unknown = JSON.parse(Buffer.from(payload).toString('utf8'));
    return typeof body === 'object' && body !== null && !Array.isArray(body)
      ? (body as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
