/**
 * Minds the runs that write to the repository at the same time, so that what two of them have in common is stored once.
 *
 * 1. What another run stored is known as soon as its pack has its name, and never before: so nothing that this run counts
 *    on can be lost with the other.
 * 2. Two that store the same at the same pace would both be too late for all of it. So where the packs of another run hold
 *    what this one stored as well, and that run's id comes before its own, it holds still until the other is well ahead.
 *    It reads on past what is stored by then; where it comes up to the other again, it lets it go ahead twice as far.
 * 3. It holds still for a second and two thirds of its time at most, lest it be kept back by one that is slow.
 */
import type { ChunkSet } from '../../repository/chunk-set.ts';
import { chunksOf } from '../../repository/frame.ts';
import type { PlacedFrame } from '../../repository/pack.ts';
import { draftPath } from '../../repository/pack-draft.ts';
import { readTailAt } from '../../repository/pack-list.ts';
import type { OtherWriters, PackNote } from '../../repository/pack-notes.ts';
import { packPath, type Repository } from '../../repository/repository.ts';
import type { ReadCounters } from './read-messages.ts';

const mebibyte = 1024 * 1024;
const everyMs = 50;
/** So much in common is no chance. */
const commonBytesMax = mebibyte;
/** What another is let ahead by: at first, and at the most. */
const [aheadBytesFirst, aheadBytesMax] = [128 * mebibyte, 1024 * mebibyte];
/** What a run may hold still for beyond its share. */
const holdMsFree = 1_000;
/** The longest hold: well below what counts as a stall. */
const holdMsMost = 60_000;
/** Another that names no pack for so long has ended, or is too slow to be waited for. */
const silentMs = 1_000;

export interface CompanionsOptions {
  repository: Repository;
  run: string;
  known: ChunkSet;
  /** They were looked at before the packs were listed that `known` is of. */
  others: OtherWriters;
  counters: ReadCounters;
}

export class Companions {
  readonly #options: CompanionsOptions;
  readonly #sinceMs = performance.now();
  #timer: NodeJS.Timeout | undefined;
  /** Stored by this run and by others whose ids come before, since the last hold. */
  #commonBytes = 0;
  /** Stored by those others, and when they were heard of last. */
  #beforeBytes = 0;
  #heardMs = 0;
  #aheadBytes = aheadBytesFirst;
  #heldMs = 0;
  #hold: { sinceMs: number; untilMs: number; untilBytes: number } | undefined;

  constructor(options: CompanionsOptions) {
    this.#options = options;
  }

  /** Looks at them from now on. */
  begin(): void {
    this.#timer = setInterval(() => this.#look(), everyMs);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#release();
    this.#options.others.close();
  }

  #look(): void {
    try {
      for (const note of this.#options.others.look()) this.#hear(note);
    } catch {
      // What is not seen is stored again, and a repository that is away is told where it is written to.
    }
    this.#judge();
  }

  #hear(note: PackNote): void {
    if (note.is === 'named') this.#learn(note);
    else this.#compare(note);
  }

  /** What another run has written, and this one too: both were too early to know. */
  #compare({ run, id }: PackNote): void {
    const { repository, known, counters } = this.#options;
    let frames = readTailAt(draftPath(repository, run, id), id);
    if (typeof frames === 'string') frames = readTailAt(packPath(repository, id), id);
    let common = 0;
    for (const { sha256, length } of chunksIn(frames)) if (known.has(sha256)) common += length;
    if (common > 0) counters.share();
    if (run > this.#options.run) return;
    this.#heardMs = performance.now();
    this.#commonBytes += common;
  }

  #learn({ run, id }: PackNote): void {
    const { repository, known } = this.#options;
    let bytes = 0;
    for (const { sha256, length } of chunksIn(readTailAt(packPath(repository, id), id))) {
      known.add(sha256);
      bytes += length;
    }
    if (run > this.#options.run) return;
    this.#heardMs = performance.now();
    this.#beforeBytes += bytes;
  }

  #judge(): void {
    const nowMs = performance.now();
    if (!this.#hold) {
      if (this.#commonBytes > commonBytesMax) this.#holdStill(nowMs);
      return;
    }
    const { untilMs, untilBytes } = this.#hold;
    if (nowMs > untilMs || nowMs - this.#heardMs > silentMs || this.#beforeBytes >= untilBytes) this.#release();
  }

  #holdStill(sinceMs: number): void {
    const workedMs = sinceMs - this.#sinceMs - this.#heldMs;
    const forMs = Math.min(holdMsMost, holdMsFree + 2 * workedMs - this.#heldMs);
    if (forMs <= 0) return;
    this.#hold = { sinceMs, untilMs: sinceMs + forMs, untilBytes: this.#beforeBytes + this.#aheadBytes };
    this.#aheadBytes = Math.min(aheadBytesMax, 2 * this.#aheadBytes);
    this.#options.counters.isHeld = true;
  }

  #release(): void {
    if (this.#hold) this.#heldMs += performance.now() - this.#hold.sinceMs;
    this.#hold = undefined;
    this.#commonBytes = 0;
    this.#options.counters.isHeld = false;
  }
}

/** None where the tail could not be read. */
function* chunksIn(frames: PlacedFrame[] | string): ReturnType<typeof chunksOf> {
  if (typeof frames !== 'string') for (const { head } of frames) yield* chunksOf(head);
}
