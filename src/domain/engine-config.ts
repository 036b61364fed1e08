/** The engines as a plan configures them, one schema each. What they know of a tool is in `src/engines`. */
import { z } from 'zod';
import { sizeText } from './quantities.ts';
import { absolutePath, glob, nameText, plainText } from './texts.ts';

/** The built-in engine: a directory, chunk by chunk. */
export const filesEngine = z.strictObject({
  type: z.literal('files'),
  path: absolutePath,
  /** Globs over the path relative to `path`; one without a slash matches a name at any depth. */
  exclude: z.array(glob).max(1_000).optional(),
  oneFileSystem: z.boolean().optional(),
  /** Refuse to run where `path` is not a mount point. */
  requireMount: z.boolean().optional(),
});

/** restic: a directory into a restic repository. */
export const resticEngine = z.strictObject({
  type: z.literal('restic'),
  path: absolutePath,
  /** What its snapshots name as their host; the agent's name unless given. */
  host: plainText.optional(),
  tags: z.array(plainText).max(32).optional(),
  exclude: z.array(glob).max(1_000).optional(),
  /** What a verify reads of the data: a part of it, such as `2%`, or all. */
  check: z
    .strictObject({ readData: z.string().regex(/^(100|\d{1,2}(\.\d+)?)%$/, 'is not a percentage such as 2%') })
    .optional(),
});

/** rclone: a directory into a remote, one directory a backup (`dated`). */
export const rcloneEngine = z.strictObject({
  type: z.literal('rclone'),
  path: absolutePath,
  layout: z.literal('dated').optional(),
  exclude: z.array(glob).max(1_000).optional(),
});

/** VictoriaMetrics, single node: a snapshot of its own, copied by vmbackup. */
export const victoriaMetricsEngine = z.strictObject({
  type: z.literal('victoriametrics'),
  url: z.url({ protocol: /^https?$/, error: 'is not an http or https URL' }),
  /** Its `-storageDataPath`, on the agent's host. */
  dataPath: absolutePath,
  /** A name of `credentials` in the agent's file. */
  credentials: nameText.optional(),
  concurrency: z.int().min(1).max(1_000).optional(),
  bytesPerSecond: sizeText.optional(),
});

/** A command that the agent's file defines under `exec`. */
export const execEngine = z.strictObject({
  type: z.literal('exec'),
  use: nameText,
  params: z
    .record(z.string().regex(/^[a-zA-Z][a-zA-Z0-9_]{0,31}$/, 'is not the name of a parameter'), plainText)
    .optional(),
});

export const engineSchema = z.discriminatedUnion('type', [
  filesEngine,
  resticEngine,
  rcloneEngine,
  victoriaMetricsEngine,
  execEngine,
]);

export type EngineConfig = z.infer<typeof engineSchema>;
export type EngineType = EngineConfig['type'];
export type EngineConfigOf<Type extends EngineType> = Extract<EngineConfig, { type: Type }>;
export type FilesEngineConfig = EngineConfigOf<'files'>;

/** The `host:port` that an engine asks over the network; undefined where it asks nobody. */
export function sourceAddressOf(engine: EngineConfig): string | undefined {
  if (engine.type !== 'victoriametrics') return undefined;
  const { hostname, port, protocol } = new URL(engine.url);
  return `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`;
}

/** The directory on the agent's host that an engine reads; undefined where it reads something else. */
export function sourcePathOf(engine: EngineConfig): string | undefined {
  if ('path' in engine) return engine.path;
  return engine.type === 'victoriametrics' ? engine.dataPath : undefined;
}
