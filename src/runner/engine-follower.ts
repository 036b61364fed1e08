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
  /** Beyond so many bytes `stdout.log` is cut once its lines were taken, 4 MiB unless given. */
  stdoutBytesMax?: number;
  /** Bound of `stderr.log` and of `stderr.log.old`, 1 MiB each unless given. */
  stderrBytesMax?: number;
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

/** How soon it is looked again for a runner that has nothing left to do but to end. */
const lastLookMs = 20;

export class EngineFollower {
  readonly #directory: RunDirectory;
  readonly #followed: Followed;
  readonly #changes: DirectoryChanges;
  readonly #logs: [stdout: LogFollower, stderr: LogFollower];

  constructor(directory: RunDirectory, followed: Followed, listener: EngineListener) {
    const { onLine, onStderrLine, lineBytesMax = 2 ** 16 } = listener;
    const { stdoutBytesMax = 2 ** 22, stderrBytesMax = 2 ** 20 } = listener;
    this.#directory = directory;
    this.#followed = followed;
    this.#changes = new DirectoryChanges(directory.path);
    const { stdoutPath, stderrPath } = directory;
    this.#logs = [
      new LogFollower({ path: stdoutPath, bytesMax: stdoutBytesMax, onLine, lineBytesMax, from: 0, keepsEnd: false }),
      new LogFollower({
        path: stderrPath,
        bytesMax: stderrBytesMax,
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
