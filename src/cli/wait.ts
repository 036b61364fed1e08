/**
 * Waiting for a run to end, on the side of whoever asked. The feed shows what happens at once; because it may lose some,
 * the record is asked for as well, now and every 2 s. The wait ends with the run, with its timeout, with Ctrl-C, or when
 * the cluster has been away for a minute. The run itself is never touched.
 */
import { isUnavailable } from '../core/answer-error.ts';
import type { ActorName, Client } from '../nats/client.ts';
import { actorIn, createClusterView } from '../view/cluster-view.ts';
import type { SeenRecord } from '../view/wire.ts';
import type { Environment } from './environment.ts';
import { type ProgressReport, progressReport } from './progress-report.ts';

export type Waited = { ended: SeenRecord } | { ended?: undefined; over: 'timeout' | 'interrupt' };

const pollEachMs = 2_000;
const awayMaxMs = 60_000;

export interface WaitOptions {
  /** Undefined waits as long as it takes. */
  timeoutMs: number | undefined;
  /** What the progress is labelled with; the name of its plan by default. */
  label?: string;
}

export async function waitForEnd(
  client: Client,
  actor: ActorName,
  environment: Environment,
  { timeoutMs, label }: WaitOptions,
): Promise<Waited> {
  const { clock } = environment;
  const view = createClusterView();
  const report = progressReport(environment.stderr, clock);
  const { promise, resolve, reject } = Promise.withResolvers<Waited>();

  const see = () => {
    const row = actorIn(view.getSnapshot().context, actor);
    if (!row) return;
    if (row.record.final) resolve({ ended: row.record });
    else report.show(label ?? String(row.record.context.plan ?? actor.id), row.record.state, row.progress);
  };
  const recorded = (record: unknown) => view.trigger.recorded({ records: [record] });
  const subscription = view.subscribe(see);
  const ends = [
    client.onEvent(recorded, actor),
    client.onProgress((of, progress) => view.trigger.progressed({ ...of, progress }), actor),
    environment.onInterrupt(() => resolve({ over: 'interrupt' })),
    timeoutMs === undefined
      ? () => undefined
      : clock.alarm(clock.now() + timeoutMs, () => resolve({ over: 'timeout' })),
    () => subscription.unsubscribe(),
    () => report.end(),
  ];
  const poll = polling(client, actor, environment, report, recorded);
  poll.failed.catch(reject);
  ends.push(poll.stop);
  try {
    return await promise;
  } finally {
    for (const end of ends) end();
  }
}

/** Asks for the record every 2 s. `failed` rejects when it cannot be had; a cluster that is away is given a minute. */
function polling(
  client: Client,
  actor: ActorName,
  { clock }: Environment,
  report: ProgressReport,
  see: (record: unknown) => void,
): { stop: () => void; failed: Promise<never> } {
  const { promise: failed, reject } = Promise.withResolvers<never>();
  let stopped = false;
  let takeBack = () => {};
  let awaySince: number | undefined;
  const ask = async (): Promise<void> => {
    try {
      see((await client.request('actor.get', actor)).actor);
      awaySince = undefined;
    } catch (error) {
      if (stopped) return;
      if (!isUnavailable(error)) return reject(error);
      if (awaySince === undefined) report.say('the cluster does not answer; still waiting');
      awaySince ??= clock.now();
      if (clock.now() - awaySince >= awayMaxMs) return reject(error);
    }
    if (!stopped) takeBack = clock.alarm(clock.now() + pollEachMs, () => void ask());
  };
  void ask();
  return {
    stop() {
      stopped = true;
      takeBack();
    },
    failed,
  };
}
