/**
 * From a cancel to the end of the processes of its run, under each engine, through a real agent; and, in turns with it,
 * from the same signal and from a KILL to the end of the same tool without Reeve. Each engine has a bound of time: on a
 * busy machine it has fewer rounds, and says how many.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../support/eventually.ts';
import { missingTools } from '../../support/tools.ts';
import { World } from '../../support/world.ts';
import { median, ms, percentile, type Row } from '../measure.ts';
import {
  agentDocument,
  bytesBelow,
  type CancelContender,
  execContender,
  filesContender,
  metricsContender,
  rcloneContender,
  resticContender,
  startPlain,
} from './cancel-contenders.ts';

const roundsMax = 20;
const msMax = 25_000;
/** Beyond it an engine does not work, or does not stop: this part fails. */
const withinMs = 30_000;
/** How often it is looked whether a process is there; one look takes as long. */
const lookMs = 3;

const metricsTools = ['victoria-metrics', 'vmbackup'];

export async function run(): Promise<Row[]> {
  const world = await World.open();
  const data = mkdtempSync(join(tmpdir(), 'reeve-bench-vm-'));
  const stops: (() => Promise<void>)[] = [];
  try {
    world.fill(8, 16 * 2 ** 20);
    await world.runAgent({ config: world.agentFile('here', agentDocument(world)) });
    const rows: Row[] = [];
    for (const contenderOf of [filesContender, execContender, resticContender, rcloneContender]) {
      const contender = contenderOf(world);
      const missing = missingTools(contender.tools);
      rows.push(...(missing.length > 0 ? skipped(contender.name, missing) : await measured(world, contender)));
    }
    const missing = missingTools(metricsTools);
    if (missing.length > 0) return [...rows, ...skipped('victoriametrics', missing)];
    const metrics = await metricsContender(world, data);
    stops.push(metrics.stop);
    return [...rows, ...(await measured(world, metrics))];
  } finally {
    for (const stop of stops) await stop();
    await world.close();
    rmSync(data, { recursive: true, force: true });
  }
}

/** What a cancel took until no engine process was there, and until the last process of the run's clean-up had ended. */
interface Cancelled {
  engineMs: number;
  allMs: number;
}

async function measured(world: World, contender: CancelContender): Promise<Row[]> {
  const { name, engine, repository, signal, clear } = contender;
  await world.plan(name, { engine, onDrain: 'cancel', ...(repository !== undefined && { repository }) });
  const end = performance.now() + msMax;
  const cancels: Cancelled[] = [];
  const politeMs: number[] = [];
  const killMs: number[] = [];
  for (let round = 0; round <= roundsMax && (round < 2 || performance.now() < end); round += 1) {
    const cancelled = await cancelOnce(world, contender);
    const polite = await plainStop(contender, 2 * round, signal);
    const killed = await plainStop(contender, 2 * round + 1, 'SIGKILL');
    await clear?.();
    if (round === 0) continue; // it warms up
    cancels.push(cancelled);
    politeMs.push(polite);
    killMs.push(killed);
  }
  const engineMs = cancels.map(cancel => cancel.engineMs);
  const allMs = cancels.map(cancel => cancel.allMs);
  const anchor = `${signal} without Reeve ${both(politeMs)}; SIGKILL ${both(killMs)}`;
  return [
    {
      figure: `${name}: cancel to its engine and runner gone, p50 of ${cancels.length}`,
      value: both(engineMs),
      anchor,
      ratio: difference(median(engineMs) - median(politeMs)),
      target: '< grace of 20 s + 2 s',
      met: Math.max(...engineMs) < 22_000,
    },
    {
      figure: `${name}: cancel to the last process of its clean-up gone`,
      value: both(allMs),
      anchor: '',
      ratio: '',
      target: '',
      met: true,
    },
  ];
}

async function cancelOnce(world: World, { name, place }: CancelContender): Promise<Cancelled> {
  const before = bytesBelow(place);
  const id = await world.start(name, { rescan: true });
  // Any growth: what former runs left may be removed meanwhile, so the least that was seen counts.
  await grown(name, place, before);
  const since = performance.now();
  await world.ask('backup.cancel', { id });
  let isOver = false;
  const ending = world.ending(id).finally(() => {
    isOver = true;
  });
  let [engineMs, allMs] = [Number.NaN, 0];
  do {
    const there = world.workers().length > 0;
    const tookMs = performance.now() - since;
    if (there) allMs = tookMs;
    else if (Number.isNaN(engineMs)) engineMs = tookMs;
    await sleep(lookMs);
  } while (!isOver);
  const { state } = await ending;
  if (state !== 'cancelled') throw new Error(`${name}: the run ended as ${state} and was not met in the middle`);
  return { engineMs, allMs: Math.max(engineMs, allMs) };
}

async function plainStop(contender: CancelContender, start: number, signal: NodeJS.Signals): Promise<number> {
  const { name, plainPlace } = contender;
  const plain = await contender.plain(start);
  const before = bytesBelow(plainPlace);
  const child = startPlain(plain);
  const exit = once(child, 'exit');
  await grown(`${name} without Reeve`, plainPlace, before, child);
  const since = performance.now();
  process.kill(-(child.pid ?? 0), signal);
  await exit;
  return performance.now() - since;
}

/** Resolves with the first bytes that arrive. */
async function grown(what: string, place: string, before: number, child?: ChildProcess): Promise<void> {
  let least = before;
  await eventually(
    `first bytes of ${what}`,
    () => {
      if (child && child.exitCode !== null) throw new Error(`${what} ended with ${child.exitCode} in its beginning`);
      const now = bytesBelow(place);
      least = Math.min(least, now);
      return now > least;
    },
    withinMs,
  );
}

function both(values: readonly number[]): string {
  return `${ms(median(values))} (p99 ${ms(percentile(values, 0.99))})`;
}

function difference(value: number): string {
  return `${value < 0 ? '-' : '+'} ${ms(Math.abs(value))}`;
}

function skipped(name: string, missing: readonly string[]): Row[] {
  process.stderr.write(`SKIPPED: ${name}: ${missing.join(', ')} is not installed\n`);
  return [
    {
      figure: `${name}: SKIPPED`,
      value: `no ${missing.join(', ')} here`,
      anchor: '',
      ratio: '',
      target: '',
      met: false,
    },
  ];
}
