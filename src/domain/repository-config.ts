/** Repositories as the agent's file defines them, one schema each, and which engine can use which. */
import { z } from 'zod';
import type { EngineType } from './engine-config.ts';
import { sizeBytes, sizeText } from './quantities.ts';
import { absolutePath, plainText } from './texts.ts';

/** What every repository may have. */
const shared = {
  /** Free space below which no run starts. */
  minFree: sizeText.optional(),
  /** How many runs may use it at once. */
  runs: z.int().min(1).max(1_000).optional(),
};

/** The built-in repository: content-addressed chunks under a directory. */
export const filesRepository = z.strictObject({ type: z.literal('files'), path: absolutePath, ...shared });

/** One directory a backup, its commit slot beside it. */
export const directoryRepository = z.strictObject({ type: z.literal('directory'), path: absolutePath, ...shared });

export const resticRepository = z.strictObject({
  type: z.literal('restic'),
  /** As restic's `--repo` takes it; a local path too. */
  url: plainText,
  passwordFile: absolutePath,
  /** Lines `NAME=value` for restic's environment, such as the keys of a bucket. */
  envFile: absolutePath.optional(),
  ...shared,
});

export const rcloneRepository = z.strictObject({
  type: z.literal('rclone'),
  /** As rclone takes it, `remote:path`; backups become directories in it. */
  remote: plainText,
  configFile: absolutePath.optional(),
  ...shared,
});

export const vmbackupRepository = z.strictObject({
  type: z.literal('vmbackup'),
  /** `fs:///path`, `s3://bucket/path` or `gs://bucket/path`; backups become directories in it. */
  url: plainText.refine(text => /^(fs|s3|gs|azblob):\/\//.test(text), 'is not a URL of fs, s3, gs or azblob'),
  credentialsFile: absolutePath.optional(),
  envFile: absolutePath.optional(),
  ...shared,
});

export const repositorySchema = z.discriminatedUnion('type', [
  filesRepository,
  directoryRepository,
  resticRepository,
  rcloneRepository,
  vmbackupRepository,
]);

type RepositoryDocument = z.infer<typeof repositorySchema>;

/** A repository with its defaults filled in, as numbers. */
export type RepositoryConfig = WithNumbers<RepositoryDocument>;
export type RepositoryType = RepositoryConfig['type'];
export type RepositoryConfigOf<Type extends RepositoryType> = Extract<RepositoryConfig, { type: Type }>;

type WithNumbers<Document> = Document extends RepositoryDocument
  ? Omit<Document, 'minFree' | 'runs'> & { minFreeBytes: number; runsMax: number | null }
  : never;

export function repositoryConfigOf({ minFree, runs, ...document }: RepositoryDocument): RepositoryConfig {
  return { ...document, minFreeBytes: minFree === undefined ? 0 : sizeBytes(minFree), runsMax: runs ?? null };
}

/** The kind of repository that an engine writes to. */
export const repositoryTypeOf: Readonly<Record<EngineType, RepositoryType>> = {
  files: 'files',
  restic: 'restic',
  rclone: 'rclone',
  victoriametrics: 'vmbackup',
  exec: 'directory',
};

/** The directory of a repository on the agent's host; undefined where it is elsewhere. */
export function repositoryPathOf(repository: RepositoryConfig): string | undefined {
  if (repository.type === 'files' || repository.type === 'directory') return repository.path;
  if (repository.type === 'restic') return repository.url.startsWith('/') ? repository.url : undefined;
  if (repository.type === 'vmbackup')
    return repository.url.startsWith('fs://') ? repository.url.slice('fs://'.length) : undefined;
  return repository.remote.startsWith('/') ? repository.remote : undefined;
}
