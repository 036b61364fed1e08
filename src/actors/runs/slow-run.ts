/** Tells of a run that has used most of its deadline `run`, while somebody can still do something about it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { timeText } from '../../core/time-text.ts';
import { lastDurationsMs } from '../../domain/durations.ts';
import { type RunContext, runOf } from '../../domain/run.ts';
import type { AgentParts } from '../agent-parts.ts';
import { recordsOf } from '../commands/records.ts';

/** How much of the deadline a run may use before it is told. */
const part = 0.8;
/** What the look at earlier runs may take: while NATS is away the fact is told without them. */
const lookMs = 5_000;

/** A function to be called now and then while the run transfers; it tells at most once. */
export function slowRunWatch(run: RunContext, parts: AgentParts): () => void {
  const deadlineMs = run.policy.deadlinesMs.run;
  let isTold = false;
  return () => {
    const transferringMs = run.spent.transferringMs + parts.clock.now() - run.spent.sinceMs;
    if (isTold || deadlineMs === undefined || transferringMs < deadlineMs * part) return;
    isTold = true;
    const at = timeText(parts.clock.now());
    const fact = {
      fact: 'run.slow',
      kind: run.task,
      id: run.id,
      plan: run.plan,
      transferringMs,
      deadlineMs,
      at,
    } as const;
    void lastOf(run, parts).then(lastMs => parts.observe({ ...fact, lastMs }));
  };
}

/** Null where they cannot be read now. */
async function lastOf({ task, plan }: RunContext, { store }: AgentParts): Promise<number[] | null> {
  const looked = recordsOf(store, task).then(records =>
    lastDurationsMs(
      records.map(({ record }) => runOf(record)),
      plan,
    ),
  );
  return await Promise.race([looked, sleep(lookMs, null, { ref: false })]).catch(() => null);
}
