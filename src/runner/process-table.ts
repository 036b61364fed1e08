/**
 * The processes of this host as the kernel tells of them: /proc on Linux, ps elsewhere. Reading is synchronous, so that
 * nothing of ours runs between a look and the signal that follows it.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessEntry {
  pid: number;
  /** Its process group. */
  group: number;
  /** Its session; where the platform does not tell, its process group. */
  session: number;
  startTime: string;
  /** It has ended, and waits for its parent to ask how. */
  isZombie: boolean;
}

const hasProc = process.platform === 'linux';

let bootId: string | undefined;

/** The boot of this host; the same text until it boots again. */
export function readBootId(): string {
  bootId ??= hasProc
    ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    : run('sysctl', ['-n', 'kern.bootsessionuuid']).trim();
  return bootId;
}

/** The process with this pid, also as a zombie; undefined where there is none. */
export function processEntry(pid: number): ProcessEntry | undefined {
  if (!hasProc) return psEntries(['-p', String(pid)])[0];
  const stat = readProc(pid, 'stat');
  return stat === undefined ? undefined : parseStat(pid, stat.toString('latin1'));
}

/** Every process that can be seen, zombies left out. */
export function processEntries(): ProcessEntry[] {
  if (!hasProc) return psEntries(['-ax']).filter(entry => !entry.isZombie);
  const entries: ProcessEntry[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const entry = processEntry(Number(name));
    if (entry && !entry.isZombie) entries.push(entry);
  }
  return entries;
}

/**
 * True where the environment that the process was started with has `variable` (`NAME=value`, whole). False where it may
 * not be read: what belongs to somebody else is not ours.
 */
export function hasInEnvironment(pid: number, variable: string): boolean {
  if (!hasProc)
    return run('ps', ['-Eww', '-o', 'command=', '-p', String(pid)])
      .split(/\s/)
      .includes(variable);
  const environment = readProc(pid, 'environ');
  if (!environment) return false;
  const wanted = Buffer.from(`${variable}\0`);
  const at = environment.indexOf(wanted);
  return at === 0 || (at > 0 && environment.includes(Buffer.concat([Buffer.from([0]), wanted])));
}

/** The fields after the command's name, which may itself hold spaces and parentheses: state, ppid, pgrp, session, ... */
function parseStat(pid: number, stat: string): ProcessEntry | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, , group, session] = fields;
  const startTime = fields[19];
  if (startTime === undefined) return undefined;
  return { pid, group: Number(group), session: Number(session), startTime, isZombie: state === 'Z' || state === 'X' };
}

/** A file of a process; undefined once it is gone, or where it may not be read. */
function readProc(pid: number, file: 'stat' | 'environ'): Buffer | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES' || code === 'EPERM') return undefined;
    throw error;
  }
}

function psEntries(which: string[]): ProcessEntry[] {
  const lines = run('ps', [...which, '-o', 'pid=,pgid=,stat=,lstart=']).split('\n');
  return lines.flatMap(line => {
    const [pid, group, state, ...start] = line.trim().split(/\s+/);
    if (state === undefined || start.length === 0) return [];
    const startTime = start.join(' ');
    return [
      { pid: Number(pid), group: Number(group), session: Number(group), startTime, isZombie: state.startsWith('Z') },
    ];
  });
}

/** What a small command of the system prints; empty where it found nothing, which ps says with status 1. */
function run(command: string, args: string[]): string {
  try {
    const environment = { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
    return execFileSync(command, args, { encoding: 'utf8', env: environment, stdio: ['ignore', 'pipe', 'ignore'] });
  } catch (error) {
    if ((error as { status?: unknown }).status === 1) return '';
    throw error;
  }
}
