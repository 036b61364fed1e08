/**
 * Staying with the cluster until Ctrl-C: on a terminal a table that is drawn in place, elsewhere a line a transition. The
 * feed shows changes at once; because it may lose some, the list is asked for again every 5 s.
 */
import { AnswerError } from '../core/answer-error.ts';
import type { Client } from '../nats/client.ts';
import { type ActorRow, type ClusterView, createClusterView, type RowFilter, rowsIn } from '../view/cluster-view.ts';
import { listActors, recordsForView } from './actor-list.ts';
import { actorColumns } from './actor-table.ts';
import { exitStatus } from './exit-status.ts';
import { LiveRegion } from './live-region.ts';
import type { Session } from './session.ts';
import { tableLines } from './table.ts';
import { awayLine, tellLink } from './tell-link.ts';
import { transitionLine } from './transition-line.ts';

const listEachMs = 5_000;
const drawEachMs = 250;
/** Most actors that a terminal is filled with. */
const rowsMax = 40;

/** Shows the actors that pass `filter` until Ctrl-C; answers 0 then. Rejects when the cluster cannot be asked at first. */
export async function followView(session: Session, filter: RowFilter): Promise<number> {
  if (session.json)
    throw new AnswerError(
      'invalid',
      '-w shows changes, which -o json has no form for',
      '`reeve watch -o json` prints a record a line',
    );
  const client = await session.client();
  const { clock, stdout } = session.environment;
  const view = createClusterView();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const endShowing = stdout.isTTY ? showTable(session, client, view, filter) : showLines(session, view, filter);
  if (!stdout.isTTY) tellLink(session, client);
  const ends = [
    client.onEvent(record => view.trigger.recorded({ records: [record] })),
    client.onProgress((actor, progress) => view.trigger.progressed({ ...actor, progress })),
    session.environment.onInterrupt(resolve),
  ];
  let again = () => {};
  let ended = false;
  const list = async (): Promise<void> => {
    const { kind, plan } = filter;
    view.trigger.recorded({ records: recordsForView(await listActors(client, { kind, plan }), { plan }) });
  };
  const listAgain = async (): Promise<void> => {
    // A cluster that is away for a while comes back: what is shown then stands still.
    await list().catch((error: unknown) => {
      if (!(error instanceof AnswerError)) throw error;
    });
    if (!ended) again = clock.alarm(clock.now() + listEachMs, () => void listAgain().catch(reject));
  };
  try {
    await list();
    again = clock.alarm(clock.now() + listEachMs, () => void listAgain().catch(reject));
    await promise;
  } finally {
    ended = true;
    again();
    for (const end of ends) end();
    endShowing();
  }
  return exitStatus.done;
}

/** Draws the table at most four times a second. */
function showTable(session: Session, client: Client, view: ClusterView, filter: RowFilter): () => void {
  const { clock, stdout } = session.environment;
  const region = new LiveRegion(stdout);
  let pending: (() => void) | undefined;
  let isAway = false;
  const draw = () => {
    pending = undefined;
    const rows = rowsIn(view.getSnapshot().context, filter);
    const lines = tableLines(actorColumns(session.colours, clock.now()), rows.slice(0, rowsMax));
    const more = rows.length > rowsMax ? [`and ${rows.length - rowsMax} more`] : [];
    const away = isAway ? [awayLine(client)] : [];
    region.draw([...(rows.length === 0 ? ['nothing runs'] : [...lines, ...more]), ...away]);
  };
  const drawSoon = () => {
    pending ??= clock.alarm(clock.now() + drawEachMs, draw);
  };
  const subscription = view.subscribe(drawSoon);
  client.onLink(up => {
    isAway = !up;
    drawSoon();
  });
  return () => {
    subscription.unsubscribe();
    pending?.();
    draw();
  };
}

/** A line for each state that an actor came to. */
function showLines(session: Session, view: ClusterView, filter: RowFilter): () => void {
  const told = new Map<string, string>();
  const subscription = view.subscribe(snapshot => {
    for (const { record } of rowsIn(snapshot.context, { ...filter, ended: true }) satisfies ActorRow[]) {
      const key = `${record.kind}.${record.id}`;
      if (told.get(key) === record.at) continue;
      const first = !told.has(key);
      told.set(key, record.at);
      if (!(first && record.final && filter.ended !== true)) session.print(transitionLine(record, session.colours));
    }
  });
  return () => subscription.unsubscribe();
}
