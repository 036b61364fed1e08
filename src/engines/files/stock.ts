/** What a backup begins with: the chunks that the repository has, what an earlier attempt of its run left included. */
import { failpoint } from '../../core/failpoint.ts';
import { ChunkSet } from '../../repository/chunk-set.ts';
import { damagedPacks } from '../../repository/damaged-packs.ts';
import { chunkBytes } from '../../repository/frame.ts';
import { listPacks } from '../../repository/pack-list.ts';
import { OtherWriters } from '../../repository/pack-notes.ts';
import type { Repository } from '../../repository/repository.ts';
import { atRepository } from '../../repository/repository-failure.ts';
import { register } from '../../repository/writers.ts';
import { type Base, openBase } from './base.ts';
import { type EarlierAttempt, openEarlierAttempt } from './earlier-attempt.ts';
import type { JobOf } from './job.ts';

export interface Stock {
  repository: Repository;
  known: ChunkSet;
  others: OtherWriters;
  attempt: EarlierAttempt;
  /** The backup before this one; undefined where there is none, or where all is to be read. */
  base: Base | undefined;
}

export async function takeStock(job: JobOf<'backup'>, repository: Repository, signal: AbortSignal): Promise<Stock> {
  const others = new OtherWriters(repository, job.run);
  try {
    return await atRepository(repository.path, async () => {
      await register(repository, job.run); // before it counts on anything that is there
      failpoint('stock.registered');
      others.look(); // what they have named by now is listed next
      const known = new ChunkSet();
      const damaged = await damagedPacks(repository);
      for await (const pack of listPacks(repository)) {
        if (damaged.has(pack.id)) continue;
        for (const { head } of pack.frames) known.addAll(head.chunks, chunkBytes);
      }
      failpoint('stock.taken');
      const attempt = await openEarlierAttempt(repository, job.run, known, signal);
      const of = { plan: job.plan, source: job.source.path };
      const base = job.rescan ? undefined : await openBase(repository, of, known, signal);
      return { repository, known, others, attempt, base };
    });
  } catch (error) {
    others.close();
    throw error;
  }
}
