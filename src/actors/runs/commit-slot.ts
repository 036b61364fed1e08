/**
 * How a run asks for its commit slot, wherever its engine keeps that, and what the catalog says then.
 *
 * What stands in the slot is the answer, whoever asked first. A path says nothing about which host's disk it means, so
 * nobody but a run's own agent decides a slot that is a file.
 */
import type { RunEffectInput, SlotOutput } from '../../../machines/run-effects.ts';
import { timeText } from '../../core/time-text.ts';
import type { CatalogEntry, SlotContent } from '../../domain/catalog.ts';
import type { RunContext } from '../../domain/run.ts';
import { engineOf } from '../../engines/engines.ts';
import { permanent } from '../../engines/failures.ts';
import type { AgentParts } from '../agent-parts.ts';
import { rememberRepository, requireRepository } from '../plans/known-repositories.ts';
import { repositoryName } from '../plans/places.ts';
import { scopeOf } from './engine-scope.ts';
import { done, isBoundElsewhere } from './engine-work.ts';

/** Asks for the slot with what the run staged. */
export async function commitSlot(input: RunEffectInput, parts: AgentParts, signal: AbortSignal): Promise<SlotOutput> {
  const { run } = input;
  const { manifest } = run.result;
  if (manifest === null)
    throw permanent(
      'proof-missing',
      'there is nothing to commit',
      'see the log of its engine; the next run starts anew',
    );
  const outcome = run.staged?.outcome === 'partial' ? ('partial' as const) : ('completed' as const);
  const { slot } = engineOf(run.document);
  if (slot === 'catalog') {
    const wanted = { slot: 'manifest' as const, run: run.id, manifest, outcome, at: timeText(parts.clock.now()) };
    return await entered(run, await parts.entries.settle(wanted, signal), parts);
  }
  const work = slot.commit(await scopeOf(input, parts, signal), manifest, outcome);
  return await entered(run, await done(work, 'commit', input, parts, signal), parts);
}

/** Voids the slot of a run, or finds what is there. */
export async function voidSlot(input: RunEffectInput, parts: AgentParts, signal: AbortSignal): Promise<SlotOutput> {
  const { run } = input;
  const epoch = parts.runtime.find(run.task, run.id)?.record.owner?.epoch ?? 0;
  const { slot } = engineOf(run.document);
  if (slot === 'catalog') {
    const wanted = { slot: 'void' as const, run: run.id, epoch, at: timeText(parts.clock.now()) };
    return await entered(run, await parts.entries.settle(wanted, signal), parts);
  }
  if (isBoundElsewhere(run, parts)) throw outOfReach(run);
  await requireRepository(run, parts, signal);
  const work = slot.void(await scopeOf(input, parts, signal), epoch);
  return await entered(run, await done(work, 'void', input, parts, signal), parts);
}

/** A run as it is once its slot is decided, for whoever cleans up after it. */
export async function settledRun(input: RunEffectInput, parts: AgentParts, signal: AbortSignal): Promise<RunContext> {
  const { run } = input;
  return run.slot === 'open' ? { ...run, slot: (await voidSlot(input, parts, signal)).slot } : run;
}

/** What the slot says, once the catalog says it too, or will as soon as NATS is back. */
async function entered(run: RunContext, slot: SlotContent, { entries, config }: AgentParts): Promise<SlotOutput> {
  if (slot.slot === 'void') return { slot: 'void' };
  // What the source keeps is no backup: the catalog lists what `restore.start` can bring back.
  if (run.task === 'snapshot') return { slot: 'manifest', outcome: slot.outcome };
  await rememberRepository(run, config);
  await entries.add(entryOf(run, slot));
  return { slot: 'manifest', outcome: slot.outcome };
}

function entryOf(run: RunContext, slot: Extract<SlotContent, { slot: 'manifest' }>): CatalogEntry {
  return {
    id: run.id,
    plan: run.plan,
    outcome: slot.outcome,
    completedAt: slot.at,
    bytes: run.result.bytes ?? 0,
    files: run.result.files ?? 0,
    repository: repositoryName(run.document),
    position: run.result.position,
    locked: false,
    deleting: false,
    verifiedAt: null,
    window: null,
    manifest: slot.manifest,
    reason: slot.outcome === 'partial' ? (run.staged?.reason ?? null) : null,
  };
}

function outOfReach({ agent, document }: RunContext) {
  const message = `its commit slot is in the repository ${repositoryName(document)} of agent ${agent}, which decides it when it is back`;
  return permanent('repository-unreachable', message, `start agent ${agent} again`);
}
