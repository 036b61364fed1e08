/** Lets the event loop have its turn: signals, the answers of threads, and progress wait for it. */

/** Entries of a walk between two turns: some milliseconds. */
export const entriesATurn = 128;

export function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
