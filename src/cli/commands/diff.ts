/** `reeve diff`: what differs between two backups of a repository, read from the repository alone. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { formatSize } from '../../core/sizes.ts';
import { type Change, type Difference, DiffSummary, diffBackups } from '../../repository/backup-diff.ts';
import { findBackup } from '../../repository/backup-list.ts';
import { type BytePath, jsonOfPath, printablePath } from '../../repository/byte-path.ts';
import { openRepository } from '../../repository/repository.ts';
import { type Cli, examples } from '../cli.ts';
import { exitStatus } from '../exit-status.ts';
import type { Session } from '../session.ts';

const signs: Record<Change, string> = { added: '+', removed: '-', changed: 'M', attributes: 'U' };

/** Entries that one JSON value holds; the counts are those of all. */
const entriesMax = 10_000;

export function addDiff(program: Command, cli: Cli): void {
  program
    .command('diff')
    .summary('compare two backups of a repository')
    .description(
      'Lists what differs between two backups, the older one first: + added, - removed, M changed, U only mode, owner, time or hard links. It reads the repository itself, and needs neither NATS nor an agent.',
    )
    .argument('<before>', 'id of a backup')
    .argument('<after>', 'id of another')
    .requiredOption('--repository <path>', 'the repository that has both')
    .addHelpText(
      'after',
      examples(
        ['reeve backups --repository /backup/files', 'the ids'],
        ['reeve diff photos-1 photos-2 --repository /backup/files', 'what came between them'],
        [
          'reeve diff photos-1 photos-2 --repository /backup/files -o json',
          `as JSON; entries: the first ${entriesMax}`,
        ],
      ),
    )
    .action(
      cli.action(async (session: Session, before: string, after: string, options: { repository: string }) => {
        const repository = await openRepository(resolve(session.environment.directory, options.repository));
        const [old, now] = [await findBackup(repository, before), await findBackup(repository, after)];
        const { signal } = new AbortController();
        await show(session, [old.id, now.id], diffBackups(repository, old.manifest, now.manifest, signal));
        return exitStatus.done;
      }),
    );
}

async function show(
  session: Session,
  [before, after]: [string, string],
  differences: AsyncIterable<Difference>,
): Promise<void> {
  const summary = new DiffSummary();
  const entries: object[] = [];
  let truncated = false;
  for await (const difference of differences) {
    summary.add(difference);
    if (!session.json) session.print(`${signs[difference.change]} ${shownPath(difference.path)}`);
    else if (entries.length < entriesMax) entries.push({ ...difference, path: jsonOfPath(difference.path) });
    else truncated = true;
  }
  const { added, removed, changed, attributes } = summary;
  const bytes = { added: added.bytes, removed: removed.bytes, changed: changed.bytes };
  const counts = {
    ...{ added: added.count, removed: removed.count, changed: changed.count },
    attributes: attributes.count,
  };
  session.result({ ok: true, before, after, ...counts, bytes, entries, truncated }, () =>
    session.print(
      `${counted(added)} added, ${counted(removed)} removed, ${counted(changed)} changed, ${attributes.count} with other attributes only`,
    ),
  );
}

/** The source itself has an empty path. */
function shownPath(path: BytePath): string {
  return path === '' ? '.' : printablePath(path);
}

function counted({ count, bytes }: { count: number; bytes: number }): string {
  return count === 0 ? '0' : `${count} (${formatSize(bytes)})`;
}
