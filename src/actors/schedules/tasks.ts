/** What each task of a schedule starts a run of. */
import type { StoredPlan } from '../../domain/plan-store.ts';
import { hasRule } from '../../domain/retention.ts';
import type { RestoreRequest, RunKind } from '../../domain/run.ts';
import { engineOf } from '../../engines/engines.ts';
import type { AgentParts } from '../agent-parts.ts';

/** What a run of the task works on; `cannot` says why a tick starts none. */
type Asked = { restore: RestoreRequest | null } | { cannot: string };

export interface Task {
  kind: RunKind;
  ask: (parts: Pick<AgentParts, 'catalog'>, stored: StoredPlan) => Asked | Promise<Asked>;
}

const ofPlan = (): Asked => ({ restore: null });

const tasks: Readonly<Record<string, Task>> = {
  backup: { kind: 'backup', ask: ofPlan },
  snapshot: { kind: 'snapshot', ask: ofSnapshots },
  verify: { kind: 'verify', ask: ofNewestBackup },
  drill: { kind: 'drill', ask: ofNewestBackup },
  prune: { kind: 'prune', ask: ofRetention },
};

/** The task of a name; undefined where this version has none. */
export function taskOf(name: string): Task | undefined {
  return Object.hasOwn(tasks, name) ? tasks[name] : undefined;
}

function ofSnapshots(_: unknown, { plan }: StoredPlan): Asked {
  if (engineOf(plan).snapshots) return { restore: null };
  return { cannot: `plan ${plan.name} has the engine ${plan.engine.type}, which makes no snapshots` };
}

async function ofNewestBackup({ catalog }: Pick<AgentParts, 'catalog'>, { plan }: StoredPlan): Promise<Asked> {
  const newest = (await catalog.list(plan.name)).find(({ deleting }) => !deleting);
  if (!newest) return { cannot: `plan ${plan.name} has no backup yet` };
  return { restore: { backup: newest.id, to: '', include: [] } };
}

function ofRetention(_: unknown, { plan }: StoredPlan): Asked {
  return hasRule(plan.retention) ? { restore: null } : { cannot: `plan ${plan.name} has no retention` };
}
