/** A verify: the sizes of every part of a backup in a directory, checked by a process of ours. */
import { fileURLToPath } from 'node:url';
import type { Progress, TransferOutput } from '../../domain/run.ts';
import type { EngineScope, EngineStep } from '../engine.ts';
import { endedWithout, permanent } from '../failures.ts';
import { restoreOf } from '../restore-request.ts';
import { destinationPath, repositoryOf } from './destination.ts';
import type { PartsFound, PartsJob } from './parts-check.ts';
import { noneSkipped } from './scope.ts';
import { readStepFile, writeStepFile } from './step-file.ts';
import type { VerifyLine } from './verify-process.ts';

export function verifyStep(scope: EngineScope): EngineStep<TransferOutput> {
  let result: PartsFound | undefined;
  return {
    order: async () => {
      const { manifest, bytes, files } = await scope.backup();
      const path = destinationPath(scope, manifest);
      if (path === undefined)
        throw permanent(
          'engine-failed',
          `a backup at ${repositoryOf(scope).url} cannot be verified without restoring it`,
          'restore it into an empty directory: that counts what it brings back',
        );
      const job = await writeStepFile(scope.directory, { path, bytes, files } satisfies PartsJob);
      const entry = import.meta.url.endsWith('.ts') ? './verify-process.ts' : './verify-process.js';
      return { command: process.execPath, args: [fileURLToPath(new URL(entry, import.meta.url)), job] };
    },
    hear: text => {
      const line = lineOf(text);
      if (line?.type === 'result') result = line.found;
      return line?.type === 'progress' ? progressOf(line.found) : undefined;
    },
    outcome: async end => {
      if (end.code !== 0 || !result) throw endedWithout(end);
      const { path } = await readStepFile<PartsJob>(scope.directory);
      return outputOf(restoreOf(scope.run).backup, path, result);
    },
  };
}

function outputOf(backup: string, path: string, { bytes, files, damagedCount, damaged }: PartsFound): TransferOutput {
  const result = { bytes, files, bytesStored: null, position: null, manifest: null };
  if (damagedCount === 0) return { outcome: 'completed', reason: null, result, skipped: noneSkipped };
  const message = `backup ${backup} at ${path} is damaged: ${damaged.slice(0, 3).join('; ')}${damagedCount > 3 ? `; and ${damagedCount - 3} more` : ''}`;
  const hint = 'restore another backup; parts are hard links between backups, so verify the others too';
  return { outcome: 'failed', reason: 'data-corrupt', message, hint, result, skipped: noneSkipped };
}

function progressOf({ bytes, files }: PartsFound): Progress {
  return { bytesDone: bytes, bytesTotal: null, filesDone: files, filesTotal: null, rateBytesPerS: null, etaS: null };
}

function lineOf(text: string): VerifyLine | undefined {
  try {
    return JSON.parse(text) as VerifyLine;
  } catch {
    return undefined;
  }
}
