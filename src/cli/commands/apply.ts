/** `reeve apply`: what people wrote in files, put into the cluster. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { printable } from '../../core/printable.ts';
import { type ApplyOptions, applySet, invalidSet, type Outcome } from '../apply-steps.ts';
import { type Cli, eachOption, examples } from '../cli.ts';
import { setOf, titleOf } from '../document-set.ts';
import { readDocuments } from '../documents.ts';
import { exitStatus } from '../exit-status.ts';
import type { Session } from '../session.ts';

interface Options extends ApplyOptions {
  file: string[];
  recursive?: boolean;
}

export function addApply(program: Command, cli: Cli): void {
  program
    .command('apply')
    .summary('put plans, Defaults and schedules from YAML files into the cluster')
    .description(
      'Checks all documents together, with the agents that they concern, and puts them only if every one is right: Defaults first, then plans, then schedules. With --prune the files are the whole truth: every plan, Defaults and schedule that is not in them is deleted, but a plan that still has backups or runs is left, told, and the status is 1. With `-o json` prints one array of what became of each.',
    )
    .requiredOption(
      '-f, --file <path>',
      'file, or directory of .yaml and .yml files, without those in directories of it; may be given several times',
      eachOption,
    )
    .option('-R, --recursive', 'read the directories in a directory, too')
    .option('--dry-run', 'show what would change, and change nothing')
    .option('--prune', 'delete what is not in the files')
    .option('--keep-backups', 'with --prune: delete also plans that have backups, and leave those where they are')
    .addHelpText(
      'after',
      examples(
        ['reeve apply -f plans.yaml', 'put what a file says'],
        ['reeve apply -f plans/ --prune --dry-run', 'what would have to change for a directory to be all there is'],
      ),
    )
    .action(
      cli.action(async (session: Session, options: Options) => {
        const paths = options.file.map(file => resolve(session.environment.directory, file));
        const written = (await Promise.all(paths.map(path => readDocuments(path, options.recursive)))).flat();
        const set = setOf(written);
        if ('wrong' in set) throw invalidSet(set.wrong);
        const tell = (outcome: Outcome) => {
          if (!session.json) show(session, outcome, options.dryRun ?? false);
          return outcome;
        };
        const outcomes = await applySet(session, set.documents, options, tell);
        if (session.json) session.print(JSON.stringify(outcomes.map(outcome => ({ ok: true, ...outcome }))));
        return outcomes.some(({ left }) => left !== null) ? exitStatus.failed : exitStatus.done;
      }),
    );
}

const words = {
  create: { is: 'created', would: 'would be created' },
  change: { is: 'changed', would: 'would be changed' },
  unchanged: { is: 'unchanged', would: 'unchanged' },
  delete: { is: 'deleted', would: 'would be deleted' },
} as const;

function show(
  session: Session,
  { kind, name, change, differs, revision, warnings, left }: Outcome,
  dryRun: boolean,
): void {
  const title = printable(titleOf({ kind, name }));
  if (left !== null) session.print(`${title} ${dryRun ? 'would be left' : 'left'}: ${printable(left)}`);
  else {
    const counted = change === 'delete' || dryRun ? '' : `, revision ${revision}`;
    session.print(`${title} ${words[change][dryRun ? 'would' : 'is']}${counted}`);
  }
  if (dryRun) session.print(...differs.map(line => `  ${printable(line)}`));
  session.say(...warnings.map(warning => `warning: ${title}: ${printable(warning)}`));
}
