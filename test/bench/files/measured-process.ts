/** Runs processes within a bound of time, and measures whole ones by GNU time: Node cannot give one child's usage. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';

/** What a process and its children took. */
export interface Usage {
  wallS: number;
  /** User and system time. */
  cpuS: number;
  /** Of the process that had most in memory at once. */
  peakBytes: number;
}

export interface ProcessOptions {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
}

export const gnuTime = '/usr/bin/time';
const processMsMax = 20 * 60_000;
/** GNU time counts hundredths of a second; less than one counts as one, so that ratios stay finite. */
const leastS = 0.01;
const running = new Set<ChildProcess>();

/** Resolves with its stdout; rejects where it ends with another status than 0, or is killed for having taken too long. */
export function runProcess(command: readonly string[], options: ProcessOptions = {}): Promise<string> {
  const [program = '', ...args] = command;
  // Stdin is a pipe to nobody and the group is its own, as the agent starts engines.
  const child = spawn(program, args, { ...options, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  running.add(child);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    killGroup(child);
  }, processMsMax);
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', part => {
    stdout += part;
  });
  child.stderr.setEncoding('utf8').on('data', part => {
    stderr += part;
  });
  child.stdin.on('error', () => undefined);
  return new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => {
      if (status === 0) return resolve(stdout);
      const how = isLate ? `took longer than ${processMsMax / 60_000} minutes` : `ended with ${signal ?? status}`;
      reject(new Error(`${command.join(' ')} ${how}: ${stderr.slice(-2_000)}${stdout.slice(-500)}`));
    });
  }).finally(() => {
    clearTimeout(timer);
    running.delete(child);
  });
}

/** Runs it to its end as `runProcess` does; the figures pass through a file in the directory `scratch`. */
export async function measure(
  scratch: string,
  command: readonly string[],
  options: ProcessOptions = {},
): Promise<{ usage: Usage; stdout: string }> {
  const path = join(scratch, `usage-of-${basename(command[0] ?? '')}`);
  const stdout = await runProcess([gnuTime, '-f', '%e %U %S %M', '-o', path, ...command], options);
  const [wallS, userS, systemS, peakKib] = readFileSync(path, 'utf8').trim().split(' ').map(Number);
  rmSync(path);
  if (wallS === undefined || userS === undefined || systemS === undefined || !peakKib)
    throw new Error(`GNU time said nothing of ${command.join(' ')}`);
  const usage = {
    wallS: Math.max(wallS, leastS),
    cpuS: Math.max(userS + systemS, leastS),
    peakBytes: peakKib * 1_024,
  };
  return { usage, stdout };
}

/** Of processes that ran one after the other. */
export function together(one: Usage, other: Usage): Usage {
  return {
    wallS: one.wallS + other.wallS,
    cpuS: one.cpuS + other.cpuS,
    peakBytes: Math.max(one.peakBytes, other.peakBytes),
  };
}

export function killRunning(): void {
  for (const child of running) killGroup(child);
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}
