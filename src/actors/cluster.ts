/** An agent's side of the cluster: its link to NATS, what is stored there, and its lease. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { AnswerError } from '../core/answer-error.ts';
import { errorOf } from '../core/defect.ts';
import type { AgentConfig } from '../domain/agent-config.ts';
import { definitionsOf } from '../domain/agent-definitions.ts';
import { NatsCatalog } from '../nats/catalog-store.ts';
import { type Link, openLink } from '../nats/connection.ts';
import { Correspondence } from '../nats/correspondence.ts';
import { NatsDefaultsStore } from '../nats/defaults-store.ts';
import { NatsDefinitionsStore } from '../nats/definitions-store.ts';
import { NatsFates } from '../nats/fates.ts';
import { NatsMailboxes } from '../nats/mailboxes.ts';
import { NatsMembership } from '../nats/membership.ts';
import { Names } from '../nats/names.ts';
import { NatsPlanStore } from '../nats/plan-store.ts';
import { NatsRecordStore } from '../nats/record-store.ts';
import { NatsRefusals } from '../nats/refusals.ts';
import { NatsScheduleStore } from '../nats/schedule-store.ts';
import { prepareStorage } from '../nats/storage.ts';
import { identityOf, isAlive } from '../runner/process-identity.ts';
import { JournalFile } from '../runtime/journal-file.ts';
import { JournalledStore, type JournalledStoreOptions } from '../runtime/journalled-store.ts';
import { hostId } from './host-id.ts';
import { JournalledCatalog } from './journalled-catalog.ts';
import { SteadyClock } from './steady-clock.ts';

export interface ClusterOptions {
  config: AgentConfig;
  /** Reeve's version. */
  version: string;
  /** Versions of the machines that this agent can run, by kind. */
  machines: Record<string, number>;
  /** Told why it has to wait: NATS is away, or its storage is not ready. */
  waiting: (cause: Error) => void;
  journal: Pick<JournalledStoreOptions, 'onOvertaken' | 'onReplayed' | 'onTrouble'>;
}

export type Cluster = Awaited<ReturnType<typeof joinCluster>>;

/**
 * Opens the link, brings the storage up, takes the lease of the agent's name and replays what an earlier incarnation
 * journalled. Rejects with an AnswerError `conflict` where the name is taken, and with the signal's reason.
 */
export async function joinCluster(options: ClusterOptions, signal: AbortSignal) {
  const { config, version, machines, waiting } = options;
  const names = new Names(config.nats.prefix);
  const { servers, creds, ca } = config.nats;
  const link = await openLink({ servers, name: `reeve agent ${config.name}`, creds, tlsca: ca }, { signal, waiting });
  try {
    const storage = await prepareStorage(link, names, {}, { signal, waiting });
    const owner = { agent: config.name, host: await hostId(), incarnation: randomUUID() };
    const steady = new SteadyClock();
    const membership = new NatsMembership(link, names, {
      lease: {
        ...owner,
        process: ownProcess(),
        version,
        labels: config.labels,
        mode: 'joining',
        machines,
        actors: 0,
        since: new Date().toISOString(),
      },
      leaseMs: config.leaseMs,
      now: () => steady.now(),
      isProcessAlive: ({ pid, startedAt, bootId }) => isAlive({ pid, startTime: startedAt, bootId }),
    });
    await membership.join();
    const journal = new JournalFile(join(config.data, 'journal.ndjson'));
    const store = new JournalledStore({
      store: new NatsRecordStore(link, names, storage),
      journal,
      link: linkOf(link),
      ...options.journal,
    });
    await store.recover(signal);
    const catalog = new NatsCatalog(link, names);
    const entries = new JournalledCatalog({
      catalog,
      journal: new JournalFile(join(config.data, 'catalog.ndjson')),
      link: linkOf(link),
      onTrouble: error => options.journal.onTrouble?.(errorOf(error)),
    });
    await entries.recover();
    const definitions = new NatsDefinitionsStore(link, names);
    await definitions.put(definitionsOf(config));
    const mailboxes = new NatsMailboxes(link, names);
    return {
      link,
      names,
      owner,
      steady,
      membership,
      store,
      mailboxes,
      refusals: new NatsRefusals(link, names),
      plans: new NatsPlanStore(link, names),
      defaults: new NatsDefaultsStore(link, names),
      schedules: new NatsScheduleStore(link, names),
      fates: new NatsFates(link, names),
      definitions,
      catalog,
      entries,
      correspondence: new Correspondence(link, mailboxes),
    };
  } catch (error) {
    await link.close();
    throw error;
  }
}

function linkOf(link: Link): JournalledStoreOptions['link'] {
  return {
    get isUp() {
      return link.isUp;
    },
    watch: changed => link.onChange(changed),
  };
}

function ownProcess() {
  const identity = identityOf(process.pid);
  if (!identity) throw new AnswerError('internal', 'this process cannot be found in the process table', 'mount /proc');
  return { pid: identity.pid, startedAt: identity.startTime, bootId: identity.bootId };
}
