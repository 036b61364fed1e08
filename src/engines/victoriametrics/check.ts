/** What `reeve check` looks at for VictoriaMetrics: its tools, the server and the login, the data path, the repository. */
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { failureOf } from '../../core/failure.ts';
import { repositoryPathOf } from '../../domain/repository-config.ts';
import { callHelper } from '../../runner/helper-call.ts';
import type { Check, EngineScope } from '../engine.ts';
import { checkPlaces } from '../place-checks.ts';
import { repositoryOf } from './destination.ts';
import { commands, snapshotsDirectory } from './facts.ts';
import { configOf } from './scope.ts';
import { SnapshotApi } from './snapshot-api.ts';

export async function checkAll(scope: EngineScope, signal: AbortSignal): Promise<Check[]> {
  const { url, dataPath } = configOf(scope);
  return [
    ...(await Promise.all(
      [commands.backup, commands.restore].map(command => found(command, () => versionOf(command, scope, signal))),
    )),
    await found('server', async () => {
      await (await SnapshotApi.open(configOf(scope), scope.config)).health(signal);
      return `${url} is well`;
    }),
    await found('login', async () => {
      const { names } = await (await SnapshotApi.open(configOf(scope), scope.config)).list(signal);
      return `${url} tells its snapshots: ${names.length}`;
    }),
    await found('snapshots', async () => {
      const path = join(dataPath, snapshotsDirectory);
      await access(path, constants.R_OK | constants.X_OK);
      return `${path} can be read`;
    }),
    ...(await checkPlaces(scope)),
    ...(repositoryPathOf(scope.repository) === undefined ? [unseen(scope)] : []),
  ];
}

/** Rejects with `engine-missing` where the tool cannot be started. */
export async function versionOf(command: string, { key }: EngineScope, signal: AbortSignal): Promise<string> {
  const what = `the version of ${command}`;
  const { code, stdout } = await callHelper({ what, command, args: ['-version'], token: key, signal });
  // Debian's packages say nothing there.
  return code === 0 ? `${command} ${stdout.trim() || 'says no version'}` : `${command} ended with ${code}`;
}

async function found(name: string, look: () => Promise<string>): Promise<Check> {
  try {
    return { name, ok: true, message: await look(), hint: '' };
  } catch (error) {
    const { message, hint, code } = failureOf(error);
    const isDefect = code === 'defect';
    return { name, ok: false, message, hint: isDefect ? 'let the user that the agent runs as read it' : hint };
  }
}

function unseen(scope: EngineScope): Check {
  const message = `${repositoryOf(scope).url} is not looked at before a backup writes there`;
  return { name: 'repository', ok: true, message, hint: '' };
}
