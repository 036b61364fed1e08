/** Colours, for terminals whose user has not declined them with NO_COLOR (https://no-color.org). */
import type { Output } from './environment.ts';

export type Paint = (text: string) => string;

export interface Colours {
  good: Paint;
  bad: Paint;
  odd: Paint;
  faint: Paint;
  strong: Paint;
}

const none: Paint = text => text;

export function coloursFor(output: Output, variables: Readonly<Record<string, string | undefined>>): Colours {
  const wanted = output.isTTY && !variables.NO_COLOR && variables.TERM !== 'dumb';
  if (!wanted) return { good: none, bad: none, odd: none, faint: none, strong: none };
  return { good: paint(32, 39), bad: paint(31, 39), odd: paint(33, 39), faint: paint(2, 22), strong: paint(1, 22) };
}

/** A state in the colour of what it means for the operator. */
export function paintState(colours: Colours, state: string): string {
  const first = state.split('.')[0] ?? '';
  if (first === 'completed' || first === 'reached') return colours.good(state);
  if (first === 'failed' || first === 'lost' || first === 'timed-out') return colours.bad(state);
  if (['partial', 'cancelled', 'retrying', 'cancelling', 'timing-out', 'fenced'].includes(first))
    return colours.odd(state);
  return state;
}

function paint(on: number, off: number): Paint {
  return text => `\u001b[${on}m${text}\u001b[${off}m`;
}
