/** When an event happened. The runtime puts `at` on every event that it proposes, those of ended effects included. */

/** The `at` of an event, in milliseconds since the epoch. Throws a TypeError where it has none: a defect of the caller. */
export function timeOf(event: { type: string }): number {
  const { at } = event as { at?: unknown };
  if (typeof at !== 'number') throw new TypeError(`the event ${event.type} says no time`);
  return at;
}

/** Params of an action that needs the time only. */
export function stamped({ event }: { event: { type: string } }): { at: number } {
  return { at: timeOf(event) };
}
