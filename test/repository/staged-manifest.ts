/** Backups that are made of lines alone: a manifest without any content behind it, and the slot that makes it a backup. */
import type { SlotContent } from '../../src/domain/catalog.ts';
import { settleSlot } from '../../src/repository/commit-slot.ts';
import type { ManifestHeader, ManifestLine } from '../../src/repository/manifest.ts';
import { ManifestWriter } from '../../src/repository/manifest-writer.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { openRunDirectory } from '../../src/repository/run-files.ts';

const { signal } = new AbortController();
const at = '2026-01-02T03:04:05.678Z';

/** Stages a manifest of these lines (the source's own among them; no footer), and answers its hash. */
export async function stageManifest(
  repository: Repository,
  run: string,
  lines: Iterable<ManifestLine>,
  more: Partial<ManifestHeader> = {},
): Promise<string> {
  await openRunDirectory(repository, run);
  const writer = new ManifestWriter(repository, run);
  for (const line of lines) await writer.add(line);
  const skipped = { vanished: 0, changed: 0, unreadable: 0 };
  const header = { run, plan: 'photos', source: '/srv/photos', startedAt: at, endedAt: at, skipped, skippedList: null };
  return writer.stage({ ...header, ...more }, null);
}

/** Stages it, and commits it, so that it is a backup. */
export async function commitManifest(
  repository: Repository,
  run: string,
  lines: Iterable<ManifestLine>,
  slot: { plan?: string; outcome?: 'completed' | 'partial'; at?: string } = {},
): Promise<string> {
  const manifest = await stageManifest(repository, run, lines, slot.plan === undefined ? {} : { plan: slot.plan });
  const content: SlotContent = {
    slot: 'manifest',
    run,
    manifest,
    outcome: slot.outcome ?? 'completed',
    at: slot.at ?? at,
  };
  await settleSlot(repository, content, signal);
  return manifest;
}
