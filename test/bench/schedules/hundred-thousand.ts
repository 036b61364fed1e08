/** A hundred thousand schedules on an agent. Jobs of croner would take some 8 GB, so it stands alone. */
import type { Row } from '../measure.ts';
import { ofAgent } from './schedules-of-agent.ts';

export function run(): Promise<Row[]> {
  return ofAgent(100_000, 90_000);
}
