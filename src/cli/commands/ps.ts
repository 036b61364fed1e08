/** `reeve ps`: the actors of the cluster, once or as they change. */
import { type Command, Option } from 'commander';
import { runKinds } from '../../domain/run.ts';
import { createClusterView, type RowFilter, rowsIn } from '../../view/cluster-view.ts';
import { type ActorFilter, listActors, recordsForView } from '../actor-list.ts';
import { actorColumns } from '../actor-table.ts';
import { type Cli, examples } from '../cli.ts';
import { exitStatus } from '../exit-status.ts';
import { followView } from '../follow-view.ts';
import type { Session } from '../session.ts';
import { tableLines } from '../table.ts';

interface Options extends ActorFilter {
  watch?: boolean;
  all?: boolean;
}

/** What is not there: with a filter more may run than it lets through. */
function emptyText({ ended }: RowFilter, filter: ActorFilter): string {
  const isFiltered = Object.values(filter).some(value => value !== undefined);
  const what = `nothing ${ended ? 'is there' : 'runs'}${isFiltered ? ' that these options let through' : ''}`;
  return ended ? what : `${what}; \`reeve ps --all\` shows what has ended`;
}

export function addPs(program: Command, cli: Cli): void {
  program
    .command('ps')
    .summary('list what runs')
    .description(
      'Lists the actors that have not ended, each with its state and since when. With `-o json` prints the answer of `actor.list`, all of it.',
    )
    .addOption(new Option('-w, --watch', 'stay, and show changes until Ctrl-C'))
    .option('-a, --all', 'those that have ended, too')
    .option('--kind <kind>', `only this kind, such as ${runKinds.slice(0, 3).join(', ')}`)
    .option('--plan <plan>', 'only this plan')
    .option('--state <state>', 'only in this state')
    .option('--agent <agent>', 'only on this agent')
    .addHelpText(
      'after',
      examples(['reeve ps', 'what runs now'], ['reeve ps -w --plan photos', 'and what becomes of it']),
    )
    .action(
      cli.action(async (session: Session, { watch, all, ...filter }: Options) => {
        const shown: RowFilter = { ...filter, ended: all === true || filter.state !== undefined };
        if (watch) return followView(session, shown);
        const answer = await listActors(await session.client(), filter);
        const view = createClusterView({ endedMax: Number.POSITIVE_INFINITY });
        view.trigger.recorded({ records: recordsForView(answer, filter) });
        const rows = rowsIn(view.getSnapshot().context, shown);
        session.result(answer, () => {
          if (rows.length === 0) session.say(emptyText(shown, filter));
          else session.print(...tableLines(actorColumns(session.colours, session.environment.clock.now()), rows));
        });
        return exitStatus.done;
      }),
    );
}
