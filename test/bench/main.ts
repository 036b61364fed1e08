/**
 * `npm run bench`: every figure beside its anchor from the same run, in one table. Each part runs in a process of its own
 * with `--expose-gc`, one after the other, so that none inherits another's heap; its young generation begins at V8's own
 * limit for it, where that of a process that works has grown to, and each collection of everything would shrink it. `npm run bench -- restarts commands`
 * runs the parts that are named. It ends with 0 also where a target is missed: the table says so.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { cpus, totalmem } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { Row } from './measure.ts';
import { tableOf } from './table.ts';

const parts: Record<string, () => Promise<{ run: () => Promise<Row[]> }>> = {
  'supervised-starts': () => import('./supervised-starts.ts'),
  restarts: () => import('./restarts.ts'),
  'durable-starts': () => import('./durable-starts.ts'),
  commands: () => import('./commands.ts'),
  adoptions: () => import('./adoptions.ts'),
  schedules: () => import('./schedules/ten-thousand.ts'),
  'many-schedules': () => import('./schedules/hundred-thousand.ts'),
  cancels: () => import('./runs/cancels.ts'),
  crowd: () => import('./runs/crowd.ts'),
};
/** A part that takes longer than this is ended. */
const partMsMax = 240_000;

async function runPart(name: string): Promise<Row[]> {
  const child = fork(fileURLToPath(import.meta.url), ['--part', name], {
    execArgv: ['--expose-gc', '--min-semi-space-size=16'],
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), partMsMax);
  let rows: Row[] = [];
  child.on('message', message => {
    rows = message as Row[];
  });
  await once(child, 'exit');
  clearTimeout(timer);
  if (rows.length > 0) return rows;
  return [{ figure: name, value: 'it failed', anchor: '', ratio: '', target: '', met: false }];
}

const [flag, ...rest] = process.argv.slice(2);
if (flag === '--part') {
  const part = await parts[rest[0] ?? '']?.();
  const rows = await part?.run();
  process.send?.(rows, () => process.exit(0)); // what a part leaves open is no reason to stay
} else {
  const named = [flag, ...rest].filter(name => name !== undefined);
  const unknown = named.find(name => !Object.hasOwn(parts, name));
  if (unknown) throw new Error(`there is no part ${unknown}; there are: ${Object.keys(parts).join(', ')}`);
  const rows: Row[] = [];
  for (const name of named.length > 0 ? named : Object.keys(parts)) rows.push(...(await runPart(name)));
  const [cpu] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  process.stdout.write(
    `${cpus().length} x ${cpu?.model ?? 'cpu'}, ${memory}, Node ${process.version}\n\n${tableOf(rows)}\n`,
  );
}
