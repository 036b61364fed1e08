/** How vmbackup and vmrestore are started: what both are told, and the keys of the store. */
import { readFile } from 'node:fs/promises';
import { sizeBytes } from '../../domain/quantities.ts';
import type { EngineOrder, EngineScope } from '../engine.ts';
import { permanent } from '../failures.ts';
import { repositoryOf } from './destination.ts';
import { commands, commonFlags } from './facts.ts';
import { configOf } from './scope.ts';

export async function orderOf(
  scope: EngineScope,
  tool: keyof typeof commands,
  flags: readonly string[],
): Promise<EngineOrder> {
  const { credentialsFile, envFile } = repositoryOf(scope);
  const { concurrency } = configOf(scope);
  const bytesPerSecond = rateOf(scope);
  return {
    command: commands[tool],
    args: [
      ...flags,
      ...commonFlags,
      ...(concurrency === undefined ? [] : [`-concurrency=${concurrency}`]),
      ...(bytesPerSecond === undefined ? [] : [`-maxBytesPerSecond=${bytesPerSecond}`]),
      ...(credentialsFile === undefined ? [] : [`-credsFilePath=${credentialsFile}`]),
      // Flags too may stand in the file, such as customS3Endpoint; those of the command line win.
      ...(envFile === undefined ? [] : ['-envflag.enable']),
    ],
    env: envFile === undefined ? {} : await variablesIn(envFile),
  };
}

/** What the plan allows, and no more than the run's share of what the agent's runs may have together. */
function rateOf(scope: EngineScope): number | undefined {
  const { bytesPerSecond } = configOf(scope);
  const { bytesPerSecond: together, runs } = scope.config.limits;
  const rates = [
    ...(bytesPerSecond === undefined ? [] : [sizeBytes(bytesPerSecond)]),
    ...(together === null ? [] : [Math.floor(together / runs)]),
  ];
  return rates.length === 0 ? undefined : Math.max(1, Math.min(...rates));
}

async function variablesIn(path: string): Promise<Record<string, string>> {
  const text = await readFile(path, 'utf8').catch(cause => {
    const message = `the envFile of the repository cannot be read: ${cause.message}`;
    throw permanent('auth-failed', message, 'let the user that the agent runs as read it', { cause });
  });
  const lines = text.split('\n').map(line => line.trim());
  return Object.fromEntries(
    lines
      .filter(line => line !== '' && !line.startsWith('#') && line.includes('='))
      .map(line => [line.slice(0, line.indexOf('=')).trim(), line.slice(line.indexOf('=') + 1).trim()]),
  );
}
