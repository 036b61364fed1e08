/** The agent's own file (`kind: Agent`): what it may read and write, where its NATS is, its repositories and limits. */
import { z } from 'zod';
import {
  type CredentialsConfig,
  credentialsSchema,
  type ExecConfig,
  execSchema,
  type HookConfig,
  hookConfigOf,
  hookSchema,
  pingsSchema,
} from './exec-config.ts';
import { listenText } from './listen-address.ts';
import { durationMs, durationText, sizeBytes, sizeText } from './quantities.ts';
import { type RepositoryConfig, repositoryConfigOf, repositorySchema } from './repository-config.ts';
import { absolutePath, nameText } from './texts.ts';

/** The document of `kind: Agent`, without `kind`. Unknown fields are refused. */
export const agentSchema = z.strictObject({
  name: nameText,
  data: absolutePath,
  labels: z.record(z.string(), z.string()).optional(),
  http: z.strictObject({ listen: listenText.optional(), tokenFile: absolutePath.optional() }).optional(),
  nats: z
    .strictObject({
      servers: z.array(z.string().min(1)).min(1).optional(),
      prefix: z
        .string()
        .regex(/^[a-z0-9](-?[a-z0-9])*$/, 'is not a prefix: lower-case letters, digits and single dashes inside')
        .optional(),
      creds: absolutePath.optional(),
      tls: z.strictObject({ ca: absolutePath.optional() }).optional(),
    })
    .optional(),
  grace: durationText.optional(),
  lease: durationText.optional(),
  allow: z
    .strictObject({
      read: z.array(absolutePath).optional(),
      repositories: z.array(absolutePath).optional(),
      restore: z.array(absolutePath).optional(),
      sources: z.array(z.string().min(1)).optional(),
    })
    .optional(),
  limits: z
    .strictObject({
      runs: z.int().min(1).max(1_000).optional(),
      restores: z.int().min(1).max(1_000).optional(),
      /** How many runs of one engine, such as `{ restic: 1 }`. */
      runsByEngine: z.record(z.string(), z.int().min(1).max(1_000)).optional(),
      bytesPerSecond: sizeText.optional(),
      memoryPerRun: sizeText.optional(),
      /** In processors. */
      cpuPerRun: z.number().positive().max(1_024).optional(),
      runDirectory: sizeText.optional(),
    })
    .optional(),
  repositories: z.record(nameText, repositorySchema).optional(),
  credentials: z.record(nameText, credentialsSchema).optional(),
  exec: z.record(nameText, execSchema).optional(),
  hooks: z.record(nameText, hookSchema).optional(),
  pings: pingsSchema.optional(),
});

export type AgentDocument = z.infer<typeof agentSchema>;

/** An agent's configuration with every default filled in, as numbers. */
export interface AgentConfig {
  name: string;
  /** Its data directory, absolute. */
  data: string;
  labels: Record<string, string>;
  http: { listen: string; tokenFile: string | undefined };
  nats: { servers: string[]; prefix: string; creds: string | undefined; ca: string | undefined };
  graceMs: number;
  leaseMs: number;
  allow: Allow;
  /** `bytesPerSecond`: what all of its runs may read together; null where there is no limit. */
  limits: {
    runs: number;
    restores: number;
    runsByEngine: Record<string, number>;
    runDirectoryBytes: number;
    bytesPerSecond: number | null;
    /** What each run's processes may use; null where there is no limit. */
    memoryBytesPerRun: number | null;
    cpusPerRun: number | null;
  };
  repositories: Record<string, RepositoryConfig>;
  credentials: Record<string, CredentialsConfig>;
  exec: Record<string, ExecConfig>;
  hooks: Record<string, HookConfig>;
  /** URL templates by the name of a schedule or a plan. */
  pings: Record<string, string>;
}

/** Directories under which an agent may work, by what it may do there; `sources` are `host:port` globs. */
export interface Allow {
  read: string[];
  repositories: string[];
  restore: string[];
  sources: string[];
}

/** What is allowed where only this machine can reach the agent's NATS. */
export const everythingAllowed: Allow = { read: ['/'], repositories: ['/'], restore: ['/'], sources: ['*'] };

/**
 * Fills in the defaults of a checked document. Without `allow` everything is denied, except where every server of NATS
 * is on loopback; with `allow`, what it leaves out is denied.
 */
export function agentConfigOf(document: AgentDocument): AgentConfig {
  const servers = document.nats?.servers ?? ['nats://127.0.0.1:4222'];
  const denied: Allow = { read: [], repositories: [], restore: [], sources: [] };
  const unsaid = servers.every(isLoopback) ? everythingAllowed : denied;
  return {
    name: document.name,
    data: document.data,
    labels: document.labels ?? {},
    http: { listen: document.http?.listen ?? '127.0.0.1:7480', tokenFile: document.http?.tokenFile },
    nats: {
      servers,
      prefix: document.nats?.prefix ?? 'reeve',
      creds: document.nats?.creds,
      ca: document.nats?.tls?.ca,
    },
    graceMs: durationMs(document.grace ?? '25s'),
    leaseMs: durationMs(document.lease ?? '15s'),
    allow: document.allow ? { ...denied, ...defined(document.allow) } : unsaid,
    limits: {
      runs: document.limits?.runs ?? 4,
      restores: document.limits?.restores ?? 2,
      runDirectoryBytes: sizeBytes(document.limits?.runDirectory ?? '64MiB'),
      runsByEngine: document.limits?.runsByEngine ?? {},
      bytesPerSecond: bytesOrNull(document.limits?.bytesPerSecond),
      memoryBytesPerRun: bytesOrNull(document.limits?.memoryPerRun),
      cpusPerRun: document.limits?.cpuPerRun ?? null,
    },
    repositories: mapped(document.repositories, repositoryConfigOf),
    credentials: document.credentials ?? {},
    exec: document.exec ?? {},
    hooks: mapped(document.hooks, hookConfigOf),
    pings: document.pings ?? {},
  };
}

/** True where a URL of NATS names this machine by loopback, so that no other machine can reach it there. */
export function isLoopback(url: string): boolean {
  const host = /^(?:[a-z]+:\/\/)?(?:[^/]*@)?(\[[^\]]*\]|[^:/]*)/i.exec(url)?.[1] ?? '';
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

function defined(allow: NonNullable<AgentDocument['allow']>): Partial<Allow> {
  return Object.fromEntries(Object.entries(allow).filter(([, paths]) => paths !== undefined));
}

function bytesOrNull(size: string | undefined): number | null {
  return size === undefined ? null : sizeBytes(size);
}

function mapped<In, Out>(all: Readonly<Record<string, In>> | undefined, of: (one: In) => Out): Record<string, Out> {
  return Object.fromEntries(Object.entries(all ?? {}).map(([name, one]) => [name, of(one)]));
}
