/**
 * The server of commands: a table of them, answered through the NATS services API, so that `nats micro` shows them.
 *
 * 1. Every request gets one answer, also one whose name nobody knows.
 * 2. A command is handled only after its input passed its schema.
 * 3. What a handler throws is an answer: an AnswerError as it says, anything else `internal`, told to `onDefect`.
 */
import { Svcm } from '@nats-io/services';
import { ClosedConnectionError, DrainingConnectionError, headers, InvalidArgumentError, type Msg } from 'nats';
import { AnswerError, answerCodes } from '../core/answer-error.ts';
import { nearest } from '../core/nearest.ts';
import { printable } from '../core/printable.ts';
import type { Schema } from '../core/schema.ts';
import { checkDocument } from '../domain/check.ts';
import type { Link } from './connection.ts';
import { listen } from './listen.ts';
import type { Names } from './names.ts';

export interface Command<Input> {
  /** What it takes; an empty body is checked as `{}`. */
  schema: Schema<Input>;
  /** Resolves with the fields of the answer beyond `ok`; rejects with an AnswerError. */
  handle(input: Input, context: CommandContext): Promise<object>;
  /**
   * `one` (the default): of all agents one answers. `each`: every agent gets it, and those that it does not concern
   * answer `undecided`; what is wrong with its input is answered by the one that `speaks`.
   */
  answeredBy?: 'one' | 'each';
}

export interface CommandContext {
  /** The command's name, `plan.put`. */
  command: string;
}

/** Any command, whatever its input; made by `command`. */
export interface AnyCommand {
  answeredBy: 'one' | 'each';
  check(input: unknown): { run(context: CommandContext): Promise<object> } | { wrong: string };
}

/** What a handler resolves with when another agent is the one to answer. */
export const undecided: object = Object.freeze({});

/** Binds a schema and its handler, so that commands of any input stand in one table. */
export function command<Input>(definition: Command<Input>): AnyCommand {
  return {
    answeredBy: definition.answeredBy ?? 'one',
    check(input) {
      const checked = checkDocument(definition.schema, input);
      if (checked.wrong !== undefined) return { wrong: checked.wrong };
      return { run: context => definition.handle(checked.value, context) };
    },
  };
}

export interface CommandServiceOptions {
  /** Reeve's version, as semantic versioning has it. */
  version: string;
  /** Told of what a handler threw that is no answer. */
  onDefect: (command: string, error: unknown) => void;
  /** True on the one agent that answers what every agent hears and nobody in particular is asked. Default: always. */
  speaks?: () => Promise<boolean>;
}

export interface CommandService {
  /** Takes no more commands, and resolves when those under way are answered, or `signal` is aborted. */
  stop(signal: AbortSignal): Promise<void>;
}

/** The group in which agents share the commands. */
const queue = 'reeve';

/** Serves `table`, whose keys are names such as `plan.put`; resolves when the server knows of it. */
export async function serveCommands(
  link: Link,
  names: Names,
  table: Readonly<Record<string, AnyCommand>>,
  options: CommandServiceOptions,
): Promise<CommandService> {
  const underWay = new Set<Promise<void>>();
  const answer = (name: string, message: Answerable) => {
    const work = answerOne(table, name, message, options).finally(() => underWay.delete(work));
    underWay.add(work);
  };
  const { connection } = link;
  // The services package pins an older core of the client, whose types differ in nothing that it uses.
  const service = await new Svcm(connection as unknown as ConstructorParameters<typeof Svcm>[0]).add({
    name: names.prefix,
    version: options.version,
    description: 'Reeve supervises backups',
    queue: '', // none for its endpoints but as each says: an endpoint cannot leave its service's group
  });
  for (const [name, { answeredBy }] of Object.entries(table))
    service.addEndpoint(name.replaceAll('.', '-'), {
      subject: names.command(name),
      handler: (_error, message) => answer(name, message),
      ...(answeredBy === 'one' && { queue }),
    });
  const start = names.command('').length;
  const hear = (message: Msg) => {
    const name = message.subject.slice(start);
    if (!Object.hasOwn(table, name)) answer(name, plainMessage(message));
  };
  const unknown = listen(link, names.command('>'), hear, `${queue}-unknown`);
  await connection.flush();
  return {
    async stop(signal) {
      if (signal.aborted) return;
      const aborted = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }));
      // Without a connection nothing can be drained, and nothing comes.
      const drained = link.isUp ? Promise.allSettled([service.stop(), unknown.drain()]) : Promise.resolve();
      await Promise.race([drained.then(() => Promise.allSettled(underWay)), aborted]);
    },
  };
}

/** What an answer needs of a request, whichever way it came. */
interface Answerable {
  readonly data: Uint8Array;
  respond(body: string): boolean;
  respondError(code: number, description: string, body: string): boolean;
}

function plainMessage(message: Msg): Answerable {
  return {
    data: message.data,
    respond: body => message.respond(body),
    respondError(code, description, body) {
      const head = headers();
      head.set('Nats-Service-Error', description);
      head.set('Nats-Service-Error-Code', String(code));
      return message.respond(body, { headers: head });
    },
  };
}

async function answerOne(
  table: Readonly<Record<string, AnyCommand>>,
  name: string,
  message: Answerable,
  { onDefect, speaks }: CommandServiceOptions,
): Promise<void> {
  let fields: object;
  try {
    fields = await run(table, name, message.data, speaks);
  } catch (error) {
    const known = error instanceof AnswerError ? error : defectOf(name, error);
    if (known !== error) onDefect(name, error);
    respond(name, message, known, onDefect);
    return;
  }
  if (fields !== undecided) respond(name, message, fields, onDefect);
}

/** Whoever asked may be gone, and so may the connection; an answer can be longer than the server lets pass. */
function respond(
  name: string,
  message: Answerable,
  answer: object | AnswerError,
  onDefect: CommandServiceOptions['onDefect'],
): void {
  try {
    if (answer instanceof AnswerError) respondError(message, answer);
    else message.respond(JSON.stringify({ ok: true, ...answer }));
  } catch (error) {
    if (error instanceof ClosedConnectionError || error instanceof DrainingConnectionError) return;
    if (answer instanceof AnswerError) onDefect(name, error);
    else if (error instanceof InvalidArgumentError) respond(name, message, tooLong(name, error), onDefect);
    else respond(name, message, defectOf(name, error), onDefect);
  }
}

async function run(
  table: Readonly<Record<string, AnyCommand>>,
  name: string,
  data: Uint8Array,
  speaks: CommandServiceOptions['speaks'],
): Promise<object> {
  const found = Object.hasOwn(table, name) ? table[name] : undefined;
  if (!found) throw unknownCommand(name, Object.keys(table));
  const checked = checkedInput(found, name, data);
  if (!(checked instanceof AnswerError)) return checked.run({ command: name });
  if (found.answeredBy === 'each' && speaks && !(await speaks())) return undecided;
  throw checked;
}

function checkedInput(found: AnyCommand, name: string, data: Uint8Array) {
  try {
    const checked = found.check(parse(name, data));
    if (!('wrong' in checked)) return checked;
    return new AnswerError('invalid', `${name}: ${checked.wrong}`, 'correct it and send it again');
  } catch (error) {
    if (error instanceof AnswerError) return error;
    throw error;
  }
}

function parse(name: string, data: Uint8Array): object {
  if (data.length === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
  } catch (cause) {
    const why = cause instanceof Error ? printable(cause.message) : '';
    throw new AnswerError('invalid', `${name}: its body is not JSON: ${why}`, 'send a JSON object', { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new AnswerError('invalid', `${name}: its body is not a JSON object`, 'send a JSON object, or an empty body');
  return value;
}

function unknownCommand(name: string, known: string[]): AnswerError {
  const near = nearest(name, known);
  const hint = near ? `did you mean ${near}?` : `known are ${known.join(', ')}`;
  return new AnswerError('not-found', `there is no command ${printable(name)}`, hint);
}

function defectOf(name: string, cause: unknown): AnswerError {
  const hint = "what it did is not known: look before you repeat it, and see the agent's log";
  return new AnswerError('internal', `${name} failed inside Reeve`, hint, { cause });
}

function tooLong(name: string, cause: unknown): AnswerError {
  const hint = 'ask for less, with limit or with a filter; what it was to do is done';
  return new AnswerError('internal', `the answer to ${name} is longer than NATS lets pass`, hint, { cause });
}

function respondError(message: Answerable, error: AnswerError): void {
  const body = { ok: false, error: { code: error.code, message: error.message, hint: error.hint } };
  // A header is one line, and short.
  const description = printable(error.message).slice(0, 500);
  message.respondError(answerCodes[error.code].number, description, JSON.stringify(body));
}
