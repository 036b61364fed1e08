/** Ten thousand schedules on an agent, beside as many plain jobs of croner in one process, which keeps nothing. */
import { Cron } from 'croner';
import { heapBytes, ms, percentile, type Row, timed } from '../measure.ts';
import { cronOf, ofAgent, ticking } from './schedules-of-agent.ts';

async function ofCroner(): Promise<{ eachBytes: number; loadMs: number; late: number[] }> {
  const before = heapBytes();
  const late: number[] = [];
  const jobs: Cron[] = [];
  const at = new Date(Math.ceil((Date.now() + 5_000) / 1_000) * 1_000);
  const loadMs = await timed(() => {
    for (let n = 0; n < ticking; n += 1)
      jobs.push(new Cron(cronOf(at), { timezone: 'UTC' }, () => void late.push(Date.now() - at.getTime())));
  });
  const eachBytes = (heapBytes() - before) / ticking;
  while (late.length < ticking && Date.now() < at.getTime() + 30_000)
    await new Promise(resolve => setTimeout(resolve, 20));
  for (const job of jobs) job.stop();
  return { eachBytes, loadMs, late };
}

export async function run(): Promise<Row[]> {
  const own = await ofAgent(ticking, 20_000);
  const croner = await ofCroner();
  const anchors = [
    `${(croner.eachBytes / 1_024).toFixed(1)} KiB`,
    ms(croner.loadMs),
    ms(croner.loadMs),
    '',
    `${ms(percentile(croner.late, 0.5))} (p99 ${ms(percentile(croner.late, 0.99))})`,
  ];
  return own.map((row, n) => {
    const both = [row.anchor, anchors[n] && `jobs of croner ${anchors[n]}`];
    return { ...row, anchor: both.filter(Boolean).join('; ') };
  });
}
