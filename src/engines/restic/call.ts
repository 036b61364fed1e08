/** Short calls of restic, beside the process that does a run's task. */
import { readFile } from 'node:fs/promises';
import { FailureError } from '../../core/failure.ts';
import { callHelper, type HelperResult } from '../../runner/helper-call.ts';
import type { EngineScope } from '../engine.ts';
import { permanent, transient } from '../failures.ts';
import { resticEnvironment, shownUrl } from './environment.ts';
import { oldestVersion, resticCommand } from './facts.ts';
import { resticFailure } from './failures.ts';

export interface ResticCall {
  /** For people, such as `the listing of snapshots`. */
  what: string;
  args: readonly string[];
  signal: AbortSignal;
  timeoutMs?: number;
}

/** Calls restic and resolves with what it said. Rejects with the failure that its status and words stand for. */
export async function callRestic(scope: EngineScope, call: ResticCall): Promise<string> {
  const result = await tryRestic(scope, call);
  if (result.code === 0) return result.stdout;
  throw await resticFailure(scope, { ...result, stderrTail: result.stderr });
}

/** Calls restic and resolves also where its status is not 0. One that does not answer in time did not reach its repository. */
export async function tryRestic(scope: EngineScope, { what, args, ...bounds }: ResticCall): Promise<HelperResult> {
  const env = await resticEnvironment(scope);
  const call = { what: `${what} by restic`, command: resticCommand, args, env, token: scope.key, ...bounds };
  return await callHelper(call).catch((cause: unknown) => {
    if (!(cause instanceof FailureError) || cause.failure.code !== 'deadline-other') throw cause;
    const hint = 'see that its host is up and can be reached from this agent';
    throw transient('repository-unreachable', `${shownUrl(scope)}: ${cause.message}`, hint, { cause });
  });
}

/** The version of the restic that is installed, such as `0.14.0`. Rejects with `engine-missing` where it is none of ours. */
export async function resticVersion({ key }: EngineScope, signal: AbortSignal): Promise<string> {
  const call = { what: 'the version of restic', command: resticCommand, args: ['version'], token: key, signal };
  const { stdout } = await callHelper(call);
  const [, version = '', major, minor] = /^restic ((\d+)\.(\d+)\S*)/.exec(stdout) ?? [];
  const [oldMajor, oldMinor] = oldestVersion;
  const hint = `install restic ${oldMajor}.${oldMinor} or later`;
  if (major === undefined) throw permanent('engine-missing', `restic says no version: ${stdout.slice(0, 100)}`, hint);
  if (Number(major) > oldMajor || (Number(major) === oldMajor && Number(minor) >= oldMinor)) return version;
  throw permanent('engine-missing', `restic ${version} is too old`, hint);
}

/** Rejects with `auth-failed` where the password cannot be read: restic would say so only in words. */
export async function requirePassword(passwordFile: string): Promise<void> {
  await readFile(passwordFile).catch((cause: Error) => {
    const hint = 'correct the passwordFile of the repository; the next attempt reads it anew';
    throw permanent('auth-failed', `cannot read the passwordFile: ${cause.message}`, hint, { cause });
  });
}
