/**
 * Follows an engine by its run's directory to its end: from whichever process, for it needs nothing of a parent's.
 *
 * 1. It has ended when neither its runner nor itself is there, and its last lines were taken. So what a grandchild holds
 *    open delays nothing, and where somebody killed the runner the engine is followed all the same, to an unknown status.
 * 2. Nothing is lost between its end and the look at it: the logs are read after the processes are found gone.
 */
import { DirectoryChanges } from './directory-changes.ts';
import type { OnLine } from './line-splitter.ts';
import { LogFollower } from './log-follower.ts';
import { isAlive, type ProcessIdentity } from './process-identity.ts';
import type { RunDirectory } from './run-directory.ts';
import { type RecordedExit, readExit } from './run-files.ts';

/** Who hears an engine. An agent that comes back hears it from the start of what is left of its logs: again, in part. */
export interface EngineListener {
  /** Takes stdout line by line; while its promise is open, no more is read. If it throws, the rest is thrown away. */
  onLine: OnLine;
  /** Takes stderr likewise. */
  onStderrLine?: OnLine;
  /** Longest line in bytes, 64 KiB unless given; the rest of a longer one is dropped. */
  lineBytesMax?: number;
  /** What the logs may take together, 64 MiB unless given: see `logPart`. */
  logBytesMax?: number;
}

export interface EngineEnd extends RecordedExit {
  /** What a taker of lines threw; undefined where all lines were taken. */
  linesError?: unknown;
}

export interface Followed {
  engine: ProcessIdentity;
  runner: ProcessIdentity | undefined;
  /** Where stderr begins that was not heard before. */
  stderrFrom: number;
}

/**
 * What the logs of a run have of what they may take together. Followed, stdout has 4 parts, and stderr one, with one more
 * of what was cut; each twice that in a torrent. Where nobody follows, the watcher (`runner.sh`) lets stdout have 16 and
 * stderr 4, with one more of each. So they have a third of it at most, and what a torrent writes between two looks has
 * the rest: a fiftieth of a second here, a second there.
 */
function logPart(logBytesMax: number): number {
  return Math.floor(logBytesMax / 64);
}

/** How soon it is looked again for a runner that has nothing left to do but to end. */
const lastLookMs = 20;

export class EngineFollower {
  readonly #directory: RunDirectory;
  readonly #followed: Followed;
  readonly #changes: DirectoryChanges;
  readonly #logs: [stdout: LogFollower, stderr: LogFollower];

  constructor(directory: RunDirectory, followed: Followed, listener: EngineListener) {
    const { onLine, onStderrLine, lineBytesMax = 2 ** 16, logBytesMax = 2 ** 26 } = listener;
    const part = logPart(logBytesMax);
    this.#directory = directory;
    this.#followed = followed;
    this.#changes = new DirectoryChanges(directory.path);
    const { stdoutPath, stderrPath } = directory;
    this.#logs = [
      new LogFollower({ path: stdoutPath, bytesMax: 4 * part, onLine, lineBytesMax, from: 0, keepsEnd: false }),
      new LogFollower({
        path: stderrPath,
        bytesMax: part,
        onLine: onStderrLine,
        lineBytesMax,
        from: followed.stderrFrom,
        keepsEnd: true,
      }),
    ];
  }

  /** It may have ended: look now. */
  poke(): void {
    this.#changes.poke();
  }

  /** Resolves with its end. Called once; rejects only where the directory cannot be read. */
  async toEnd(): Promise<EngineEnd> {
    const { engine, runner } = this.#followed;
    try {
      for (;;) {
        const isEngineThere = isAlive(engine);
        const isOver = !isEngineThere && !(runner && isAlive(runner));
        for (const log of this.#logs) await (isOver ? log.end() : log.take());
        if (isOver) return this.#end();
        await this.#changes.next(isEngineThere ? undefined : lastLookMs);
      }
    } finally {
      this.#changes.close();
    }
  }

  #end(): EngineEnd {
    const unknown: RecordedExit = { code: null, signal: null, why: null, oomKilled: false };
    const end = readExit(this.#directory.path) ?? unknown;
    const linesError = this.#logs.find(({ error }) => error !== undefined)?.error;
    return linesError === undefined ? end : { ...end, linesError };
  }
}
