/**
 * Commands about backups that exist: `backup.lock`, `unlock` and `delete`. Lock and deletion meet in the catalog entry,
 * changed by compare-and-set: of two at once one wins, and the other is told so.
 */
import { z } from 'zod';
import { AnswerError } from '../../core/answer-error.ts';
import { timeText } from '../../core/time-text.ts';
import type { CatalogEntry } from '../../domain/catalog.ts';
import { commandFields } from '../../domain/commands.ts';
import { untilMs, untilText } from '../../domain/pause.ts';
import type { Plan } from '../../domain/plan.ts';
import { runOf } from '../../domain/run.ts';
import { runIdOfRequest } from '../../domain/run-id.ts';
import { type AnyCommand, command } from '../../nats/command-service.ts';
import type { AgentParts } from '../agent-parts.ts';
import { answerPlaced } from '../responsibility.ts';
import { heldBy, readersOf } from '../retention/retention-decision.ts';
import { startRun } from '../runs/start-run.ts';
import { idText, noBackup } from './lookups.ts';
import { refuseDeleting } from './prune-preview.ts';
import { recordOrPast } from './records.ts';

const requestsMax = 32;

export function backupCommands(parts: AgentParts): Record<string, AnyCommand> {
  return {
    'backup.lock': command({
      schema: z.strictObject({ id: idText, until: untilText.optional(), ...commandFields }),
      handle: async ({ id, until, note = null, requestId }) => {
        const lock = { until: until === undefined ? null : momentOf(until, parts.clock.now()), note };
        await change(parts, id, requestId, entry => {
          refuseDeleting(entry);
          return { ...entry, locked: true, lock };
        });
        return {};
      },
    }),
    'backup.unlock': command({
      schema: z.strictObject({ id: idText, ...commandFields }),
      handle: async ({ id, requestId }) => {
        await change(parts, id, requestId, entry => ({ ...entry, locked: false, lock: null }));
        return {};
      },
    }),
    'backup.delete': command({
      schema: z.strictObject({ id: idText, ...commandFields }),
      answeredBy: 'each',
      handle: input =>
        answerPlaced(
          parts,
          () => doomed(parts, input.id, input.requestId),
          async ({ entry, document, revision }) => {
            if (entry.deletedAt != null) return {};
            await refuseHeld(parts, entry);
            const restore = { backup: entry.id, to: '', include: [] };
            await startRun(parts, 'prune', { plan: document, revision, restore }, input);
            return {};
          },
        ),
    }),
  };
}

/** Changes the entry of a backup that exists, once a request. */
async function change(
  parts: AgentParts,
  id: string,
  requestId: string | undefined,
  next: (entry: CatalogEntry) => CatalogEntry,
): Promise<void> {
  const entry = await parts.catalog.update(id, now => {
    const { requests = [], deletedAt } = now;
    if (deletedAt != null || (requestId !== undefined && requests.includes(requestId))) return undefined;
    const changed = next(now);
    return requestId === undefined ? changed : { ...changed, requests: [...requests, requestId].slice(-requestsMax) };
  });
  if (!entry || entry.deletedAt != null) throw await noSuch(parts, id, entry);
}

/**
 * The backup, and the plan as it stood when it was made: where it lies now is what that one said. It may be gone already,
 * by the very request that is repeated here.
 */
async function doomed(
  parts: AgentParts,
  id: string,
  requestId: string | undefined,
): Promise<{ entry: CatalogEntry; plan: Plan; document: Plan; revision: number }> {
  const entry = (await parts.catalog.get(id)) ?? (await deletedEntry(parts, id));
  const isRepeat = entry && requestId !== undefined && (await wasAsked(parts, entry.plan, requestId));
  if (!entry || (entry.deletedAt != null && !isRepeat)) throw await noSuch(parts, id, entry);
  const [stored, made] = await Promise.all([parts.plans.get(entry.plan), recordOrPast(parts.store, 'backup', id)]);
  const run = made && runOf(made.record);
  const document = run?.document ?? stored?.plan;
  if (!document)
    throw new AnswerError(
      'not-found',
      `nobody knows any more how backup ${id} was made: its plan ${entry.plan} and its run are gone`,
      `put a plan of that name with the repository ${entry.repository}, then delete it`,
    );
  return { entry, plan: stored?.plan ?? document, document, revision: run?.planRevision ?? stored?.revision ?? 0 };
}

/** Said at once, and once more when its turn has come. */
async function refuseHeld(parts: AgentParts, entry: CatalogEntry): Promise<void> {
  const held = heldBy(entry, await readersOf(parts.store), parts.clock.now());
  if (held === undefined) return;
  throw new AnswerError(
    'refused',
    `backup ${entry.id} cannot be deleted: ${held}`,
    `unlock it with: reeve unlock ${entry.id}`,
  );
}

async function wasAsked({ store }: AgentParts, plan: string, requestId: string): Promise<boolean> {
  const id = runIdOfRequest(plan, requestId);
  return (await store.read('prune', id)) !== undefined || (await store.isForgotten('prune', id));
}

async function deletedEntry({ catalog }: AgentParts, id: string): Promise<CatalogEntry | undefined> {
  return (await catalog.deleted()).find(entry => entry.id === id);
}

async function noSuch(parts: AgentParts, id: string, entry: CatalogEntry | undefined): Promise<AnswerError> {
  if (entry?.deletedAt == null) return await noBackup(parts, id);
  return new AnswerError(
    'not-found',
    `backup ${id} was deleted at ${entry.deletedAt}`,
    'see the others with: reeve backups',
  );
}

/** The moment of a checked `until`, as RFC 3339. */
function momentOf(until: string, now: number): string {
  const atMs = untilMs(until, now) ?? now;
  if (atMs > now) return timeText(atMs);
  throw new AnswerError('invalid', `backup.lock: until: ${until} is over already`, 'name a moment that is to come');
}
