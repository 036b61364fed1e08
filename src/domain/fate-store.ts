/** Where the fates of ticks are kept: appended, never changed. */
import type { TickFate } from './fate.ts';

export interface FatesWanted {
  schedule?: string | undefined;
  plan?: string | undefined;
  /** Ticks from this moment on (RFC 3339, as ticks are). */
  since?: string | undefined;
  /** Ticks before this moment. */
  until?: string | undefined;
  /** The newest so many; 1,000 unless given. */
  limit?: number | undefined;
}

export interface FateStore {
  /** Resolves once it is stored. May be repeated: a fate of a tick is listed once. Rejects with `unavailable`. */
  append(fate: TickFate): Promise<void>;
  /** One fate a tick, the one that was appended last; newest tick first. */
  list(wanted?: FatesWanted): Promise<TickFate[]>;
}
