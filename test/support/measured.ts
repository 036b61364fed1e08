/** A figure that a test measured, for whoever reads its output: the test itself only holds it against a generous bound. */
export function tellMeasured(what: string, ms: number): void {
  process.stderr.write(`measured: ${what}: ${Math.round(ms)} ms\n`);
}
