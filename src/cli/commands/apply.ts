/** `reeve apply`: what people wrote in files, put into the cluster. Nothing is put unless all of it is right. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { AnswerError } from '../../core/answer-error.ts';
import { nearest } from '../../core/nearest.ts';
import { printable } from '../../core/printable.ts';
import { wrongLinesOf } from '../../domain/invalid.ts';
import { planSchema } from '../../domain/plan.ts';
import { type Cli, eachOption, examples } from '../cli.ts';
import { readDocuments, type WrittenDocument } from '../documents.ts';
import { exitStatus } from '../exit-status.ts';
import type { Session } from '../session.ts';

interface Options {
  file: string[];
  dryRun?: boolean;
}

export function addApply(program: Command, cli: Cli): void {
  program
    .command('apply')
    .summary('put plans from YAML files into the cluster')
    .description(
      'Checks all documents, and puts them only if every one is right. With `-o json` prints one array of answers.',
    )
    .requiredOption('-f, --file <path>', 'file, or directory of .yaml files; may be given several times', eachOption)
    .option('--dry-run', 'check only, put nothing')
    .addHelpText(
      'after',
      examples(
        ['reeve apply -f plans.yaml', 'put the plans of a file'],
        ['reeve apply -f plans/ --dry-run', 'check a directory'],
      ),
    )
    .action(
      cli.action(async (session: Session, options: Options) => {
        const paths = options.file.map(file => resolve(session.environment.directory, file));
        const documents = (await Promise.all(paths.map(readDocuments))).flat();
        const wrong = documents.flatMap(wrongIn);
        if (wrong.length > 0) throw new AnswerError('invalid', wrong.join('; '), 'nothing was applied');
        return options.dryRun ? tryOut(session, documents) : put(session, documents, false);
      }),
    );
}

/** Puts the documents in their order; with `dryRun` the cluster says what it would do with each, and does nothing. */
async function put(session: Session, documents: WrittenDocument[], dryRun: boolean): Promise<number> {
  const answers = [];
  for (const document of documents) {
    const answer = await session.request('plan.put', dryRun ? { ...document.body, dryRun } : document.body);
    answers.push(answer);
    if (session.json) continue;
    const plan = `plan ${printable(String(answer.name))}`;
    session.print(
      dryRun ? `${plan} is right; not applied (--dry-run)` : `${plan} applied, revision ${Number(answer.revision)}`,
    );
    const warnings = Array.isArray(answer.warnings) ? answer.warnings : [];
    session.say(...warnings.map(warning => `warning: ${plan}: ${printable(String(warning))}`));
  }
  if (session.json) session.print(JSON.stringify(answers));
  return exitStatus.done;
}

/** As `put`; when the cluster is away, says that only what the documents hold by themselves was checked. */
async function tryOut(session: Session, documents: WrittenDocument[]): Promise<number> {
  try {
    return await put(session, documents, true);
  } catch (error) {
    if (error instanceof AnswerError && error.code === 'unavailable')
      session.say('the documents are right by themselves; whether the cluster would take them is not known');
    throw error;
  }
}

/** Kinds that later versions of Reeve know. */
const laterKinds = ['Defaults', 'Stream', 'Schedule'];

function wrongIn({ where, kind, body }: WrittenDocument): string[] {
  if (kind === 'Plan') {
    const checked = planSchema.safeParse(body);
    return checked.success ? [] : wrongLinesOf(checked.error, planSchema, body).map(line => `${where}: ${line}`);
  }
  if (kind === '') return [`${where}: kind: is missing; write kind: Plan`];
  if (kind === 'Agent')
    return [`${where}: kind Agent is an agent's own file: start it with \`reeve agent --config FILE\``];
  if (laterKinds.includes(kind))
    return [`${where}: kind ${kind} is not known to this version of Reeve, which takes Plan only`];
  const near = nearest(kind, ['Plan', 'Agent', ...laterKinds]);
  return [`${where}: kind ${kind} is not known${near ? `; did you mean ${near}?` : '; write kind: Plan'}`];
}
