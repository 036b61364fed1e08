/**
 * How often a test repeats what shows itself only now and then. `npm run soak` runs every test file that imports this one
 * with the full count, and half an hour for each test; `npm test` runs a tenth of it, or less where that takes too long. A test that counts here leaves its
 * timeout to the configuration, which knows which of the two is under way.
 */

/** The count to use now: `full` in a soak, otherwise one in `share` of it (10 unless given), rounded up. */
export function repetitions(full: number, share = 10): number {
  return process.env.REEVE_SOAK === '1' ? full : Math.ceil(full / share);
}

/**
 * The seed of a property, for fast-check: `seed` always in an ordinary run, which is to say the same of the same code. A soak
 * gets another each time, so that it comes to where none was; fast-check prints it, with the path, where the property fails.
 */
export function seedOf(seed: number): { seed?: number } {
  return process.env.REEVE_SOAK === '1' ? {} : { seed };
}
