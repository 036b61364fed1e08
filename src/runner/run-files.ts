/**
 * What a run's directory says about its engine: `start.json` by the agent before there is any process, `run.json`,
 * `engine.json` and `exit.json` by the runner. Version 1; an agent follows runners one version older or newer than its
 * own, and stops any other by the identities and the token, which no version may change.
 */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { rm, symlink } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { Leaves } from './cgroup-leaves.ts';
import { isProcessIdentity, type ProcessIdentity } from './process-identity.ts';
import { writeWhole } from './synced-file.ts';

/** The version of the runner that this agent starts. */
export const runnerVersion = 1;

export interface StartFile {
  version: number;
  /** What every process of the engine carries in its environment. */
  token: string;
  /** Names this start, and the claim that decides whether it happens. */
  start: string;
  /** The boot of the host that it was made in. */
  bootId: string;
  command: readonly string[];
  /** RFC 3339 UTC. */
  at: string;
}

export interface RunnerFile {
  version: number;
  token: string;
  start: string;
  runner: ProcessIdentity;
  watcher: ProcessIdentity;
}

export interface EngineFile {
  version: number;
  token: string;
  identity: ProcessIdentity;
}

/** Who asked the runner to end its engine; null where nobody did. */
export type EndReason = 'deadline' | 'cancel' | null;

export interface RecordedExit {
  /** Exit status; null where a signal ended it, or nobody knows. */
  code: number | null;
  /** A status beyond 128 that is a signal's is taken for it: a shell cannot tell the two apart. */
  signal: NodeJS.Signals | null;
  why: EndReason;
  /** True where the kernel killed a process of the engine for its memory. */
  oomKilled: boolean;
}

/** Files of a start that the next one does not inherit; stderr stays, for whoever reads the log of the run. */
const ofOneStart =
  /^(run|engine|exit|start|result)\.json(\.new|\.next)?$|^(exit|cancel|deadline|grace|signal|log-max|leaves|scope)$|^(claim|why)-|^stdout\.log/;

/** Makes room for a start: nothing of the last one is left. */
export async function clearLastStart(directory: string): Promise<void> {
  new Leaves(directory).remove();
  // What names the last start goes last.
  const names = readdirSync(directory).filter(name => ofOneStart.test(name));
  await Promise.all(names.map(name => name !== 'start.json' && rm(join(directory, name), { recursive: true })));
  await rm(join(directory, 'start.json'), { force: true });
}

/** It is whole and synced once this resolves. */
export async function writeStartFile(directory: string, file: StartFile): Promise<void> {
  await writeWhole(directory, 'start.json', `${JSON.stringify(file)}\n`);
}

/**
 * Decides that a start does not happen; false where the runner decided first that it does. Its claim is a directory, and
 * one of ours a link, so that whoever asks again knows that nobody is to be waited for.
 */
export async function voidStart(directory: string, { start }: StartFile): Promise<boolean> {
  const claim = `claim-${start}`;
  try {
    await symlink('void', join(directory, claim));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return hasMark(directory, claim);
    throw error;
  }
}

/** Whether it was decided that a start happens, or does not. */
export function isClaimed(directory: string, { start }: StartFile): boolean {
  const claim = `claim-${start}`;
  return hasMark(directory, claim) || existsSync(join(directory, claim));
}

/** Undefined where no engine was ever started, or the file is not one of ours. */
export function readStartFile(directory: string): StartFile | undefined {
  const file = readJson(directory, 'start.json');
  const isOurs = file && isToken(file.token) && isToken(file.start) && typeof file.bootId === 'string';
  return isOurs ? (file as unknown as StartFile) : undefined;
}

/** Undefined until the runner of this start has written it. */
export function readRunnerFile(directory: string, { start }: StartFile): RunnerFile | undefined {
  const file = readJson(directory, 'run.json');
  const isOurs = file?.start === start && isProcessIdentity(file.runner) && isProcessIdentity(file.watcher);
  return isOurs ? (file as unknown as RunnerFile) : undefined;
}

/** Undefined until the engine of this start has been named. */
export function readEngineFile(directory: string, { token }: StartFile): EngineFile | undefined {
  const file = readJson(directory, 'engine.json');
  return file?.token === token && isProcessIdentity(file.identity) ? (file as unknown as EngineFile) : undefined;
}

/** How the engine ended, as the runner recorded it; undefined where it has not. */
export function readExit(directory: string): RecordedExit | undefined {
  const file = readJson(directory, 'exit.json');
  if (file && typeof file.status === 'number')
    return { ...ofStatus(file.status), why: reasonOf(file.why), oomKilled: file.oomKilled === true };
  const status = readLink(directory, 'exit');
  if (status === undefined || !/^\d+$/.test(status)) return undefined;
  const why = (['deadline', 'cancel'] as const).find(each => hasMark(directory, `why-${each}`)) ?? null;
  return { ...ofStatus(Number(status)), why, oomKilled: false };
}

/** Whether a link of that name is there: what a full disk still takes. */
export function hasMark(directory: string, name: string): boolean {
  return readLink(directory, name) !== undefined;
}

/** What a token may be made of: the runner writes it as it is. */
export function isToken(text: unknown): text is string {
  return typeof text === 'string' && /^[\w.:/@+-]{1,300}$/.test(text);
}

function ofStatus(status: number): Pick<RecordedExit, 'code' | 'signal'> {
  const names = Object.entries(constants.signals) as [NodeJS.Signals, number][];
  const [signal] = names.find(([, number]) => number === status - 128) ?? [];
  return signal ? { code: null, signal } : { code: status, signal: null };
}

function reasonOf(why: unknown): EndReason {
  return why === 'deadline' || why === 'cancel' ? why : null;
}

/** A file that a power failure left empty or torn says nothing. */
function readJson(directory: string, name: string): Record<string, unknown> | undefined {
  const text = ifThere(() => readFileSync(join(directory, name), 'utf8'));
  if (text === undefined) return undefined;
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Undefined also for what is no link. */
function readLink(directory: string, name: string): string | undefined {
  return ifThere(() => readlinkSync(join(directory, name)), 'EINVAL');
}

function ifThere<T>(read: () => T, orElse?: string): T | undefined {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || (code !== undefined && code === orElse)) return undefined;
    throw error;
  }
}
