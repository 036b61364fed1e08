/**
 * `node verify-process.ts JOB`: checks the parts of a backup, apart from the agent. It says how far it is at most twice a
 * second, and at the end what it found, a JSON object a line.
 */
import { readFileSync } from 'node:fs';
import { checkParts, type PartsFound, type PartsJob } from './parts-check.ts';

export type VerifyLine = { type: 'progress'; found: PartsFound } | { type: 'result'; found: PartsFound };

const everyMs = 500;
let saidAt = 0;

function say(line: VerifyLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const job = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as PartsJob;
const result = await checkParts(job, found => {
  const now = performance.now();
  if (now - saidAt < everyMs) return;
  saidAt = now;
  say({ type: 'progress', found: { ...found, damaged: [] } });
});
say({ type: 'result', found: result });
