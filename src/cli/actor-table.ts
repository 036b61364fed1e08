/** Actors as rows of a table: what `ps`, `show` and `history` have in common. */
import type { ActorRow } from '../view/cluster-view.ts';
import { type Colours, paintState } from './colours.ts';
import { figuresOf, shareOf } from './progress-bar.ts';
import type { Column } from './table.ts';
import { shownAge } from './times.ts';

/** `now` in milliseconds: ages are counted to it. */
export function actorColumns(colours: Colours, now: number): Column<ActorRow>[] {
  return [
    { title: 'KIND', cell: ({ record }) => record.kind },
    { title: 'ID', cell: ({ record }) => record.id },
    {
      title: 'STATE',
      cell: ({ record }) => record.state,
      paint: (shown, { record }) => shown.replace(record.state, paintState(colours, record.state)),
    },
    { title: 'SINCE', cell: ({ record }) => shownAge(record.since, now), align: 'end' },
    { title: 'AGENT', cell: ({ record }) => record.owner?.agent },
    { title: 'REASON', cell: ({ record }) => record.reason },
    { title: 'PROGRESS', cell: shownProgress },
  ];
}

function shownProgress({ progress }: ActorRow): string | undefined {
  if (!progress) return undefined;
  const share = shareOf(progress);
  return [share === undefined ? '' : `${Math.floor(share * 100)}%`, figuresOf(progress)].filter(Boolean).join(', ');
}
