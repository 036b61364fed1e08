/** The offset of the cluster's time from this process's clock, from messages that went to the server and came back. */

export interface RoundTrip {
  /** By this process's clock. */
  sentMs: number;
  /** The server's time of the message. */
  serverMs: number;
  /** By this process's clock. */
  heardMs: number;
}

const samplesMax = 8;

/** A difference from what was believed that no network explains: a clock was set. */
export const jumpMs = 5_000;

/** Trips longer than this say too little. */
const tripMsMax = 2_000;

export class ClusterOffset {
  #samples: { offsetMs: number; tripMs: number }[] = [];

  /** The offset of the shortest of the last trips; undefined before the first. */
  ms(): number | undefined {
    let best: { offsetMs: number; tripMs: number } | undefined;
    for (const sample of this.#samples) if (!best || sample.tripMs <= best.tripMs) best = sample;
    return best?.offsetMs;
  }

  measure(trip: RoundTrip): void {
    const tripMs = trip.heardMs - trip.sentMs;
    if (tripMs < 0 || tripMs > tripMsMax) return;
    const offsetMs = Math.round(trip.serverMs - (trip.sentMs + trip.heardMs) / 2);
    if (Math.abs(offsetMs - (this.ms() ?? offsetMs)) > jumpMs) this.#samples = [];
    this.#samples = [...this.#samples.slice(1 - samplesMax), { offsetMs, tripMs }];
  }
}
