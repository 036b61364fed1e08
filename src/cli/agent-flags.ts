/** The configuration of `reeve agent`: its file, with the flags over it. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { AnswerError } from '../core/answer-error.ts';
import { type AgentDocument, agentConfigOf, agentSchema } from '../domain/agent-config.ts';
import { wrongOf } from '../domain/invalid.ts';
import { serversIn } from '../nats/connection-settings.ts';
import { isObject } from '../view/wire.ts';
import { parseDocuments } from './documents.ts';
import type { AgentOptions } from './environment.ts';
import type { Session } from './session.ts';

export interface AgentFlags {
  config?: string;
  name?: string;
  data?: string;
  /** `K=V` each. */
  label?: string[];
  http?: string;
}

/** Reads the file and lays flags and environment over it. Throws `invalid` with everything that is wrong. */
export async function readAgentConfig(session: Session, flags: AgentFlags): Promise<AgentOptions> {
  const { directory } = session.environment;
  const file = flags.config === undefined ? undefined : resolve(directory, flags.config);
  const written = file === undefined ? {} : await readAgentFile(file);
  const document = overlay(written, session, flags);
  const checked = agentSchema.safeParse(document);
  if (!checked.success) {
    const missing =
      file === undefined ? 'give --config FILE, or --name and --data' : 'correct the file, or give the flag';
    const where = file ?? "the agent's flags";
    throw new AnswerError('invalid', `${where}: ${wrongOf(checked.error, agentSchema, document)}`, missing);
  }
  return { config: agentConfigOf(checked.data), warnings: warningsOf(checked.data) };
}

async function readAgentFile(file: string): Promise<Record<string, unknown>> {
  const text = await readFile(file, 'utf8').catch((cause: Error) => {
    throw new AnswerError('invalid', `cannot read ${file}: ${cause.message}`, 'name a file that is there', { cause });
  });
  const [document, second] = parseDocuments(file, text);
  if (!document || second)
    throw new AnswerError(
      'invalid',
      `${file} must hold one document of kind: Agent`,
      'plans are applied with `reeve apply -f FILE`',
    );
  if (document.kind !== 'Agent')
    throw new AnswerError(
      'invalid',
      `${file} is of kind ${document.kind || '(none)'}, not Agent`,
      'other kinds are applied with `reeve apply -f FILE`',
    );
  return document.body;
}

function overlay(written: Record<string, unknown>, session: Session, flags: AgentFlags): Record<string, unknown> {
  const { directory } = session.environment;
  const nats = isObject(written.nats) ? { ...written.nats } : {};
  if (session.nats !== undefined) nats.servers = serversIn(session.nats);
  if (session.creds !== undefined) nats.creds = resolve(directory, session.creds);
  if (session.ca !== undefined) nats.tls = { ca: resolve(directory, session.ca) };
  if (session.prefix !== 'reeve') nats.prefix = session.prefix;
  const http = isObject(written.http) ? written.http : {};
  const labels = isObject(written.labels) ? written.labels : {};
  return {
    ...written,
    ...(flags.name !== undefined && { name: flags.name }),
    ...(flags.data !== undefined && { data: resolve(directory, flags.data) }),
    ...(flags.label && { labels: { ...labels, ...labelsOf(flags.label) } }),
    ...(flags.http !== undefined && { http: { ...http, listen: flags.http } }),
    ...(Object.keys(nats).length > 0 && (written.nats === undefined || isObject(written.nats)) && { nats }),
  };
}

function labelsOf(labels: string[]): Record<string, string> {
  const pairs = labels.map(label => {
    const at = label.indexOf('=');
    if (at < 1)
      throw new AnswerError('invalid', `--label ${label} is not KEY=VALUE`, 'write for example --label site=fra');
    return [label.slice(0, at), label.slice(at + 1)] as const;
  });
  return Object.fromEntries(pairs);
}

function warningsOf(document: AgentDocument): string[] {
  return document.http?.tokenFile === undefined
    ? []
    : ['http.tokenFile is set, but this version of Reeve has no page yet'];
}
