/** What became of a tick: its fate, in the fixed words of the wire, with the reason in words for people. */

export const fates = ['ran', 'skipped-overlap', 'missed', 'queued', 'cancelled'] as const;
export type Fate = (typeof fates)[number];

/**
 * A fate as it is stored and shown. Of several for one tick the newest holds: a tick that is `queued` is told again when
 * it ran, was displaced or was cancelled.
 */
export interface TickFate {
  schedule: string;
  plan: string;
  /** RFC 3339, as all times on the wire. A trigger by hand is told as a tick at the time of its command. */
  tick: string;
  fate: Fate;
  reason: string;
  /** The run that was started for it, or that stood in its way; null where none is concerned. */
  run: string | null;
  at: string;
}

/** The id under which a fate is stored once, however often it is told. */
export function fateMessageId({ schedule, plan, tick, fate }: TickFate): string {
  return `${schedule}--${plan}/${tick}/${fate}`;
}
