/** The engines whose cancels are measured: each as a plan has it, and its tool without Reeve, with the same work. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { engineCommand, engineVariables } from '../../../src/engines/files/command.ts';
import { backupJob } from '../../engines/files/engine-process.ts';
import { user, Victoria } from '../../engines/victoriametrics/victoria.ts';
import type { World } from '../../support/world.ts';

export interface CancelContender {
  name: string;
  /** Commands that must be there. */
  tools: readonly string[];
  engine: object;
  repository?: string;
  /** Where the first bytes of a run arrive, and those of the plain tool. */
  place: string;
  plainPlace: string;
  /** The polite signal of its tool, as Reeve sends it. */
  signal: NodeJS.Signals;
  /** Makes what the plain tool needs for a start, and answers its command. */
  plain: (start: number) => Promise<PlainCommand> | PlainCommand;
  /** Removes what a plain start has left. */
  clear?: () => Promise<void>;
}

export interface PlainCommand {
  command: readonly string[];
  env?: Readonly<Record<string, string>>;
}

/** What every run may send in a second: so slow that each is met in the middle, and a stop waits for little. */
const bytesPerSecond = 16 * 2 ** 20;
const runs = 4;
const metricsBytesPerSecond = 600 * 2 ** 10;
/** Written before it sleeps, as the part of a dump would be. */
const script = `echo part >"$1/part"; exec sleep 1000`;

/** The file of an agent that has them all. */
export function agentDocument(world: World): object {
  const { directory } = world;
  writeFileSync(join(directory, 'password'), 'of the benchmark');
  writeFileSync(join(directory, 'login'), `${user}:right\n`);
  return {
    limits: { bytesPerSecond: `${(bytesPerSecond * runs) / 2 ** 20}MiB`, runs },
    exec: { sleeps: { backup: ['/bin/sh', '-c', script, 'sleeps', '{output}'] } },
    credentials: { vm: { basicAuthFile: join(directory, 'login') } },
    repositories: {
      dumps: { type: 'directory', path: join(directory, 'dumps') },
      restic: { type: 'restic', url: join(directory, 'restic'), passwordFile: join(directory, 'password') },
      rclone: { type: 'rclone', remote: join(directory, 'rclone') },
      vm: { type: 'vmbackup', url: `fs://${join(directory, 'vm')}` },
    },
  };
}

export function filesContender({ directory, source, repository }: World): CancelContender {
  const plainPlace = join(directory, 'plain-files');
  return {
    name: 'files',
    tools: [],
    engine: { type: 'files', path: source },
    place: repository,
    plainPlace,
    signal: 'SIGTERM',
    plain: start => {
      const job = join(directory, `job-${start}.json`);
      writeFileSync(job, JSON.stringify({ ...backupJob(`plain-${start}`, source, plainPlace), bytesPerSecond }));
      return { command: engineCommand(job, 'backup'), env: engineVariables('backup') };
    },
  };
}

export function execContender({ directory }: World): CancelContender {
  const plainPlace = join(directory, 'plain-exec');
  return {
    name: 'exec',
    tools: [],
    engine: { type: 'exec', use: 'sleeps' },
    repository: 'dumps',
    place: join(directory, 'dumps'),
    plainPlace,
    signal: 'SIGTERM',
    plain: () => {
      rmSync(plainPlace, { recursive: true, force: true });
      mkdirSync(plainPlace);
      return { command: ['/bin/sh', '-c', script, 'sleeps', plainPlace] };
    },
  };
}

export function resticContender({ directory, source }: World): CancelContender {
  const plainPlace = join(directory, 'plain-restic');
  const env = { RESTIC_PASSWORD_FILE: join(directory, 'password'), RESTIC_REPOSITORY: plainPlace };
  return {
    name: 'restic',
    tools: ['restic'],
    engine: { type: 'restic', path: source },
    repository: 'restic',
    place: join(directory, 'restic', 'data'),
    plainPlace: join(plainPlace, 'data'),
    signal: 'SIGINT',
    plain: start => {
      if (start === 0) execFileSync('restic', ['init', '--quiet'], { env: { ...process.env, ...env } });
      const limit = `--limit-upload=${bytesPerSecond / 1024}`;
      return { command: ['restic', 'backup', '--json', limit, '--', source], env };
    },
  };
}

export function rcloneContender({ directory, source }: World): CancelContender {
  const plainPlace = join(directory, 'plain-rclone');
  return {
    name: 'rclone',
    tools: ['rclone'],
    engine: { type: 'rclone', path: source },
    repository: 'rclone',
    place: join(directory, 'rclone'),
    plainPlace,
    signal: 'SIGTERM',
    plain: () => {
      rmSync(plainPlace, { recursive: true, force: true });
      return { command: ['rclone', 'sync', '--bwlimit', `${bytesPerSecond}B`, source, plainPlace] };
    },
  };
}

/** Its server's data lie beside the world, for what names the world is a process of a run. */
export async function metricsContender(
  { directory }: World,
  data: string,
): Promise<CancelContender & { stop: () => Promise<void> }> {
  const victoria = await Victoria.start(data);
  await victoria.ingest('one', 4_000);
  const { url, dataPath } = victoria;
  const plainPlace = join(directory, 'plain-vm');
  return {
    name: 'victoriametrics',
    tools: [],
    engine: {
      type: 'victoriametrics',
      url,
      dataPath,
      credentials: 'vm',
      concurrency: 1,
      bytesPerSecond: `${metricsBytesPerSecond / 1024}KiB`,
    },
    repository: 'vm',
    place: join(directory, 'vm'),
    plainPlace,
    signal: 'SIGTERM',
    plain: async () => {
      rmSync(plainPlace, { recursive: true, force: true });
      const flags = {
        storageDataPath: dataPath,
        snapshotName: await victoria.createSnapshot(),
        dst: `fs://${plainPlace}`,
        concurrency: 1,
        maxBytesPerSecond: metricsBytesPerSecond,
        httpListenAddr: '127.0.0.1:0',
      };
      return { command: ['vmbackup', ...Object.entries(flags).map(([flag, value]) => `-${flag}=${value}`)] };
    },
    clear: async () => {
      for (const name of await victoria.snapshots()) await victoria.deleteSnapshot(name);
    },
    stop: () => victoria.stop('SIGKILL'),
  };
}

/** Starts the plain tool; it has a process group of its own. */
export function startPlain({ command: [command = '', ...args], env }: PlainCommand) {
  return spawn(command, args, { env: { ...process.env, ...env }, stdio: 'ignore', detached: true });
}

/** Bytes of the files below a directory, whichever there are. */
export function bytesBelow(directory: string): number {
  try {
    const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
    const files = entries.filter(entry => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
    return files.reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0);
  } catch {
    return 0; // not made yet, or a directory of it was removed meanwhile
  }
}
