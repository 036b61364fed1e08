/**
 * The processes of one engine, found anew at each look. Its runner and its watcher are none of them.
 *
 * 1. The leader belongs to it, which is the engine itself.
 * 2. Who carries the run's token in its environment belongs to it, whichever session it moved to.
 * 3. Who is in the leader's session belongs to it while that session is known to be ours: its leader lives, or one of
 *    its processes carries the token or was ours at the last look. A session's number is not given away while anybody
 *    is in it, so what was ours stays ours until it is empty; after that, a process under the same number is another's.
 * 4. Who is in the leaves of the start belongs to it, whatever else it has shed.
 * 5. The process that looks never counts.
 */
import type { Leaves } from './cgroup-leaves.ts';
import { type ProcessIdentity, sendSignal } from './process-identity.ts';
import { hasInEnvironment, type ProcessEntry, processEntries, processEntry, readBootId } from './process-table.ts';

/** The variable that every process of an engine carries; `runner.sh` sets it. */
export const tokenVariable = 'REEVE_RUN';

export class Members {
  readonly #leader: ProcessIdentity | undefined;
  readonly #token: string;
  readonly #leaves: Leaves | undefined;
  #sessionStarts: ReadonlyMap<number, string> = new Map();

  /** `leader` is undefined where only the token is known, and `leaves` for what runs in none. */
  constructor(leader: ProcessIdentity | undefined, token: string, leaves?: Leaves) {
    const isOfThisBoot = leader?.bootId === readBootId();
    this.#leader = isOfThisBoot ? leader : undefined;
    this.#token = token;
    this.#leaves = leaves;
  }

  /** Who is there now. */
  look(): ProcessEntry[] {
    const entries = processEntries().filter(entry => entry.pid !== process.pid);
    const inLeaves = this.#leaves?.pids() ?? new Set<number>();
    const marked = entries.filter(entry => inLeaves.has(entry.pid) || this.#isLeader(entry) || this.#isMarked(entry));
    const session = this.#leader ? entries.filter(entry => entry.session === this.#leader?.pid) : [];
    const isOurs =
      this.#isLeaderThere() ||
      session.some(entry => this.#sessionStarts.get(entry.pid) === entry.startTime || marked.includes(entry));
    const ours = isOurs ? session : [];
    this.#sessionStarts = new Map(ours.map(entry => [entry.pid, entry.startTime]));
    return [...new Set([...marked, ...ours])];
  }

  /** True where one of these is in the leader's process group. */
  isInGroup(entry: ProcessEntry): boolean {
    return entry.group === this.#leader?.pid;
  }

  /**
   * Sends these to the leader's process group, where somebody of ours is in it; else to the leader, which has none yet.
   * Answers whom it found: a look reads of every process of the host, so there is one for all.
   */
  signalGroup(...signals: NodeJS.Signals[]): ProcessEntry[] {
    const there = this.look();
    if (!this.#leader) return there;
    const { pid } = this.#leader;
    const isGroup = there.some(entry => this.isInGroup(entry));
    if (!isGroup && !there.some(entry => this.#isLeader(entry))) return there;
    for (const signal of signals) sendSignal(isGroup ? -pid : pid, signal);
    return there;
  }

  /** Kills the leaves and the group, and everybody that is found. */
  killAll(): void {
    this.#leaves?.kill();
    for (const entry of this.signalGroup('SIGKILL')) sendSignal(entry.pid, 'SIGKILL');
  }

  /** Removes what the kernel kept of them, once nobody is left. */
  forget(): void {
    this.#leaves?.remove();
  }

  #isMarked({ pid }: ProcessEntry): boolean {
    return hasInEnvironment(pid, `${tokenVariable}=${this.#token}`);
  }

  #isLeader({ pid, startTime }: ProcessEntry): boolean {
    return pid === this.#leader?.pid && startTime === this.#leader.startTime;
  }

  /** Also as a zombie it keeps its number, and its session's. */
  #isLeaderThere(): boolean {
    return this.#leader !== undefined && processEntry(this.#leader.pid)?.startTime === this.#leader.startTime;
  }
}
