/**
 * Does a job as a user who may not read everything: root reads all files, so that nothing would be unreadable. The code
 * is loaded first, for a checkout may lie where only root looks.
 */
import { readFileSync } from 'node:fs';
import { parseJob } from '../../../src/engines/files/job.ts';
import { doJob } from '../../../src/engines/files/tasks.ts';
import { ProgressMeter } from '../../../src/engines/progress-meter.ts';

const job = parseJob(readFileSync(process.argv[2] ?? '', 'utf8'));
if (process.getuid?.() === 0) {
  process.setgroups?.([]);
  process.setgid?.(65534);
  process.setuid?.(65534);
}
const meter = new ProgressMeter(() => {});
const result = await doJob(job, meter, new AbortController().signal);
meter.end();
process.stdout.write(JSON.stringify(result));
