/** A run, step by step: values and context after each, by pure transitions. */

import { describe, expect, it } from 'vitest';
import { type AnyMachineSnapshot, type EventObject, initialTransition, transition } from 'xstate';
import { runCommandsOf, runDeadlineMs, runMachine } from '../../machines/backup.ts';
import { checkAgainst, type Schema } from '../../src/core/schema.ts';
import type { RunContext } from '../../src/domain/run.ts';
import { pathOf } from './graph.ts';
import * as run from './runs.ts';

const admitted = [run.done('waitForSlot')];
const prepared = [...admitted, run.done('prepare')];
const stored = [...prepared, run.moved('completed')];
const proven = [...stored, run.done('proveCompletion')];

describe('a backup', () => {
  it('goes from its turn to its commit, and ends as its slot says', () => {
    const { states, context } = play({}, [...proven, run.committed, run.cleaned]);
    expect(states).toEqual([
      'pending',
      'preparing',
      'transferring',
      'verifying',
      'committing',
      'cleaning.removing',
      'completed',
    ]);
    expect(context).toMatchObject({ slot: 'manifest', ending: 'completed', reason: null, attempt: 1 });
    expect(context.startedAt).toBe('2026-03-01T02:00:01.000Z');
    expect(context.endedAt).toBe('2026-03-01T02:00:01.000Z');
  });

  it('is in this like a snapshot, which stays only where its slot says so', () => {
    const kept = play({ task: 'snapshot' }, [...proven, run.committed, run.cleaned]);
    expect([kept.last, kept.context.slot]).toEqual(['completed', 'manifest']);
    const events = [...stored, run.told('snapshot.cancel'), run.gone, run.voided, run.cleaned];
    const cancelled = play({ task: 'snapshot' }, events);
    expect([cancelled.last, cancelled.context.slot]).toEqual(['cancelled', 'void']);
    expect(cancelled.states).toContain('cleaning.settling');
  });

  it('that skipped files is partial, and says why', () => {
    const partial = run.done('commit', { slot: 'manifest', outcome: 'partial' });
    const events = [
      ...prepared,
      run.moved('partial', 'files-skipped'),
      run.done('proveCompletion'),
      partial,
      run.cleaned,
    ];
    const { last, context } = play({}, events);
    expect(last).toBe('partial');
    expect(context).toMatchObject({ ending: 'partial', reason: 'files-skipped' });
  });

  it('that fails for good voids its slot before it says so', () => {
    const events = [...prepared, run.failed('transfer', run.permanent), run.voided, run.cleaned];
    const { states, context } = play({}, events);
    expect(states.slice(-3)).toEqual(['cleaning.settling', 'cleaning.removing', 'failed']);
    expect(context).toMatchObject({ slot: 'void', reason: 'repository-full', message: 'it failed: repository-full' });
  });

  it('that never started an engine has no slot to settle', () => {
    const { states } = play({}, [...admitted, run.told('backup.cancel'), run.gone, run.cleaned]);
    expect(states.slice(-3)).toEqual(['cancelling', 'cleaning.removing', 'cancelled']);
  });

  it('whose commit came before the cancel is completed, and forgets that it was cancelled', () => {
    const found = run.done('settleSlot', { slot: 'manifest', outcome: 'completed' });
    const { last, context } = play({}, [...proven, run.told('backup.cancel'), run.gone, found, run.cleaned]);
    expect(last).toBe('completed');
    expect(context).toMatchObject({ reason: null, message: null });
  });

  it('whose slot cannot be settled fails, and keeps the slot as open', () => {
    const events = [...prepared, run.told('backup.cancel'), run.gone, run.passed('settling'), run.cleaned];
    const { last, context } = play({}, events);
    expect(last).toBe('failed');
    expect(context).toMatchObject({ reason: 'repository-unreachable', slot: 'open' });
  });

  it('that had failed keeps the reason that it had when its slot cannot be settled', () => {
    const events = [...prepared, run.failed('transfer', run.permanent), run.passed('settling'), run.cleaned];
    expect(play({}, events).context).toMatchObject({ ending: 'failed', reason: 'repository-full' });
  });

  it('whose commit finds the slot voided is lost: another owner had given it up', () => {
    const events = [...proven, run.done('commit', { slot: 'void' }), run.cleaned];
    const { last, context } = play({}, events);
    expect(last).toBe('lost');
    expect(context).toMatchObject({ slot: 'void', reason: 'host-away' });
  });

  it('whose processes cannot be ended fails as unkillable, and names them', () => {
    const alive = run.done('stopEngine', { gone: false, pids: [17, 18] });
    const { last, context } = play({}, [...prepared, run.told('backup.cancel'), alive, run.voided, run.cleaned]);
    expect(last).toBe('failed');
    expect(context).toMatchObject({ reason: 'unkillable', pids: [17, 18] });
  });

  it('takes no second cancel', () => {
    const { snapshot } = play({}, [...prepared, run.told('backup.cancel')]);
    expect(snapshot.can(run.told('backup.cancel') as never)).toBe(false);
  });

  it('that stalls times out', () => {
    const { last, context } = play({}, [...prepared, run.told('engine.stalled'), run.gone, run.voided, run.cleaned]);
    expect(last).toBe('timed-out');
    expect(context).toMatchObject({ reason: 'deadline-stall', deadline: 'stall' });
  });

  it.each([
    { deadline: 'pending', before: [] as EventObject[], reason: 'deadline-pending' },
    { deadline: 'prepare', before: admitted, reason: 'deadline-prepare' },
    { deadline: 'run', before: prepared, reason: 'deadline-run' },
    { deadline: 'verifying', before: stored, reason: 'deadline-other' },
    { deadline: 'committing', before: proven, reason: 'deadline-other' },
  ])('whose deadline $deadline passes times out with $reason', ({ deadline, before, reason }) => {
    const { last, context } = play({}, [...before, run.passed(deadline), run.gone, run.voided, run.cleaned]);
    expect([last, context.reason, context.deadline]).toEqual(['timed-out', reason, deadline]);
  });

  it('ignores a deadline that is not its state’s', () => {
    expect(play({}, [...prepared, run.passed('pending')]).last).toBe('transferring');
  });

  it('says what it could not clean up', () => {
    const { last, context } = play({}, [...proven, run.committed, run.failed('cleanUp', run.permanent)]);
    expect(last).toBe('completed');
    expect(context.kept).toEqual(['what it left was not removed: it failed: repository-full']);
  });

  it('that failed by a defect says so', () => {
    const { context } = play({}, [...admitted, run.failed('prepare', new TypeError('x is undefined'))]);
    expect(context).toMatchObject({ reason: 'defect', message: 'x is undefined' });
  });

  it('keeps its record small, whatever its effects say', () => {
    const first = Array.from({ length: 50 }, (_, n) => ({
      path: `${n}/${'x'.repeat(1_000)}`,
      why: 'vanished',
      code: 'ENOENT',
    }));
    const output = {
      outcome: 'partial',
      reason: 'files-skipped',
      message: 'y'.repeat(50_000),
      skipped: { count: 50, first, path: null },
    };
    const result = { bytes: 1, files: 1, bytesStored: 1, position: null, manifest: 'abc' };
    const { context } = play({}, [...prepared, run.done('transfer', { ...output, result })]);
    expect(context.skipped.count).toBe(50);
    expect(JSON.stringify(context).length).toBeLessThan(16_000);
  });
});

describe('a retry', () => {
  const failing = [...prepared, run.failed('transfer', run.transient)];

  it('follows a transient failure, after a backoff, as the next attempt', () => {
    const { states, context } = play({ attempts: 3 }, [...failing, run.passed('backoff'), run.done('prepare')]);
    expect(states.slice(-3)).toEqual(['retrying', 'preparing', 'transferring']);
    expect(context).toMatchObject({ attempt: 2, reason: 'source-unreachable' });
  });

  it('of a run that had not had its turn goes back to wait for it', () => {
    const { last } = play({}, [run.failed('waitForSlot', run.transient), run.passed('backoff')]);
    expect(last).toBe('pending');
  });

  it('is not made beyond the attempts of the plan', () => {
    const { last, context } = play({ attempts: 1 }, [...failing, run.voided, run.cleaned]);
    expect(last).toBe('failed');
    expect(context.reason).toBe('source-unreachable');
  });

  it('is not made once the time for retries is used up, and the failure stands', () => {
    const { last, context } = play({}, [...failing, run.passed('retrying'), run.voided, run.cleaned]);
    expect([last, context.reason]).toEqual(['failed', 'source-unreachable']);
  });

  it('asks its effects under a key of its own', () => {
    const first = play({}, prepared).snapshot;
    const second = play({}, [...failing, run.passed('backoff'), run.done('prepare')]).snapshot;
    expect([keyAsked(first, 'transfer'), keyAsked(second, 'transfer')]).toEqual(['photos-1:1', 'photos-1:2']);
  });
});

describe('a suspension', () => {
  const suspended = run.done('suspendEngine', { gone: true });
  const returned = run.told('agent.returned');

  it('by a person stays until the person resumes it, whoever returns', () => {
    const events = [...prepared, run.told('backup.suspend'), suspended, returned];
    const rest = play({}, events);
    expect(rest.last).toBe('suspended');
    expect(play({}, [...events, run.told('backup.resume')]).last).toBe('preparing');
  });

  it('by a drain ends when the agent returns, under a new key', () => {
    const { states, snapshot } = play({}, [...prepared, run.drain, suspended, returned, run.done('prepare')]);
    expect(states.slice(-4)).toEqual(['draining.suspending', 'suspended', 'preparing', 'transferring']);
    expect(keyAsked(snapshot, 'transfer')).toBe('photos-1:1.1');
  });

  it('after everything was stored goes on with the proof', () => {
    expect(play({}, [...stored, run.drain, suspended, returned]).last).toBe('verifying');
  });

  it('in the queue goes back to the queue', () => {
    expect(play({}, [run.drain, returned]).last).toBe('pending');
  });

  it('that a person resumes while the agent drains waits for the agent', () => {
    const events = [run.told('backup.suspend'), run.drain, run.told('backup.resume')];
    expect(play({}, events)).toMatchObject({ last: 'suspended', context: { suspendedBy: 'drain' } });
    expect(play({}, [...events, returned]).last).toBe('pending');
  });

  it('whose engine does not stop when asked makes it stop', () => {
    const { states } = play({}, [...prepared, run.drain, run.passed('suspending'), run.gone]);
    expect(states.slice(-3)).toEqual(['draining.suspending', 'draining.stopping', 'suspended']);
  });

  it('that the agent’s return overtakes goes on as soon as the engine has stopped', () => {
    const { states } = play({}, [...prepared, run.drain, returned, suspended]);
    expect(states.slice(-2)).toEqual(['draining.suspending', 'preparing']);
  });
});

describe('a drain', () => {
  it('that lets a run finish lets it commit', () => {
    const events = [
      ...prepared,
      run.drain,
      run.moved('completed'),
      run.done('proveCompletion'),
      run.committed,
      run.cleaned,
    ];
    const { states, last } = play({ onDrain: 'finish' }, events);
    expect(states).toContain('draining.finishing');
    expect(last).toBe('completed');
  });

  it('that lets a run finish follows the same engine under the same key', () => {
    const before = play({ onDrain: 'finish' }, prepared).snapshot;
    const after = play({ onDrain: 'finish' }, [...prepared, run.drain]).snapshot;
    expect(keyAsked(after, 'transfer')).toBe(keyAsked(before, 'transfer'));
  });

  it('stops a run that did not finish in time, and has it tried again once the agent returns', () => {
    const events = [
      ...prepared,
      run.drain,
      run.passed('drain'),
      run.done('suspendEngine', { gone: true }),
      run.told('agent.returned'),
    ];
    const { states } = play({ onDrain: 'finish' }, events);
    expect(states.slice(-4)).toEqual(['draining.finishing', 'draining.suspending', 'suspended', 'preparing']);
  });

  it('that cancels says that it was the drain', () => {
    const { last, context } = play({ onDrain: 'cancel' }, [...prepared, run.drain, run.gone, run.voided, run.cleaned]);
    expect([last, context.reason]).toEqual(['cancelled', 'drain-cancelled']);
  });

  it('waits for a commit, and does not retry one that fails before the agent returns', () => {
    const { states, context } = play({}, [...proven, run.drain, run.failed('commit', run.transient)]);
    expect(states.slice(-2)).toEqual(['committing', 'suspended']);
    expect(context).toMatchObject({ attempt: 2, suspendedBy: 'drain' });
  });

  it('that detaches lets the engine run on, and the agent finds it again', () => {
    const detached = [...prepared, run.drain, run.told('agent.returned')];
    const { states } = play({ onDrain: 'detach' }, [...detached, run.done('reattach', { found: 'alive' })]);
    expect(states.slice(-3)).toEqual(['detached', 'reattaching', 'transferring']);
    const lost = run.done('reattach', { found: 'gone', resumable: false, reason: 'rebooted' });
    expect(play({ onDrain: 'detach', attempts: 1 }, [...detached, lost, run.voided, run.cleaned])).toMatchObject({
      last: 'lost',
      context: { reason: 'rebooted' },
    });
  });

  it('whose host stays away makes the run lost', () => {
    const events = [...prepared, run.drain, run.passed('hostAway'), run.voided, run.cleaned];
    expect(play({ onDrain: 'detach' }, events)).toMatchObject({ last: 'lost', context: { reason: 'host-away' } });
  });

  it('whose host stays away is what its slot says, and lost with an open one where nobody could ask', () => {
    const given = [...prepared, run.hostAway];
    const found = run.done('settleSlot', { slot: 'manifest', outcome: 'completed' });
    expect(play({}, [...given, run.voided, run.cleaned])).toMatchObject({ last: 'lost', context: { slot: 'void' } });
    expect(play({}, [...given, found, run.cleaned])).toMatchObject({
      last: 'completed',
      context: { slot: 'manifest' },
    });
    const { last, context } = play({}, [...given, run.failed('settleSlot', run.permanent), run.cleaned]);
    expect(last).toBe('lost');
    expect(context).toMatchObject({ slot: 'open', reason: 'host-away', deadline: 'hostAway' });
    expect(context.message).toBe(
      'its agent nas-1 stayed away: it was last heard of at 2026-03-01T00:00:00.000Z; nobody could ask whether it was committed: it failed: repository-full',
    );
  });

  it('that was being cancelled when its host went is cancelled only if its engine was gone and its slot is void', () => {
    const cancelled = [...prepared, run.told('backup.cancel')];
    const unasked = run.failed('settleSlot', run.permanent);
    expect(play({}, [...cancelled, run.hostAway, run.voided, run.cleaned]).last).toBe('lost');
    expect(play({}, [...cancelled, run.gone, run.hostAway, run.voided, run.cleaned]).last).toBe('cancelled');
    expect(play({}, [...cancelled, run.gone, run.hostAway, unasked, run.cleaned]).last).toBe('lost');
    const failed = [...prepared, run.failed('transfer', run.permanent), run.hostAway, unasked, run.cleaned];
    expect(play({}, failed)).toMatchObject({ last: 'failed', context: { reason: 'repository-full' } });
  });
});

describe('a run that commits nothing', () => {
  it('is completed by its transfer', () => {
    const { states } = play({ task: 'restore' }, [...prepared, run.moved('completed'), run.cleaned]);
    expect(states.slice(-3)).toEqual(['transferring', 'cleaning.removing', 'completed']);
  });

  it('and finds damage fails', () => {
    const { last, context } = play({ task: 'verify' }, [...prepared, run.moved('failed', 'data-corrupt'), run.cleaned]);
    expect([last, context.reason]).toEqual(['failed', 'data-corrupt']);
  });

  it('declares the commands of its kind, each with a strict schema', () => {
    const commands = runCommandsOf('restore');
    expect(Object.keys(commands)).toEqual(['restore.cancel', 'restore.suspend', 'restore.resume']);
    const cancel = commands['restore.cancel'] as Schema;
    expect(checkAgainst(cancel, { type: 'restore.cancel', note: 'wrong disk' })).toHaveProperty('value');
    expect(checkAgainst(cancel, { type: 'restore.cancel', at: 1 })).toHaveProperty('wrong');
    expect(checkAgainst(cancel, { type: 'backup.cancel' })).toHaveProperty('wrong');
  });

  it('takes the commands of its own kind only', () => {
    const { snapshot } = play({ task: 'drill' }, prepared);
    expect(snapshot.can(run.told('drill.cancel') as never)).toBe(true);
    expect(snapshot.can(run.told('backup.cancel') as never)).toBe(false);
  });
});

describe('the deadlines of a run', () => {
  const context = (events: EventObject[] = [], options = {}) => play(options, events).context;

  it('are those of its plan', () => {
    expect(runDeadlineMs('pending', context())).toBe(86_400_000);
    expect(runDeadlineMs('run', context())).toBeUndefined();
    expect(runDeadlineMs('unheard-of', context())).toBeUndefined();
  });

  it('of the run count what it has spent, suspensions apart', () => {
    const later = { ...run.drain, at: run.started + 61_000, deadline: run.started + 86_000 } as EventObject;
    const ran = context([...prepared, later], { deadlines: { run: '5m' } });
    expect(runDeadlineMs('run', ran)).toBe(240_000);
  });

  it('of a backoff grow, and are never sooner than the other side asked', () => {
    const failing = context([...prepared, run.failed('transfer', run.transient)]);
    expect(runDeadlineMs('backoff', failing, 0)).toBe(10_000);
    const asked = { ...failing, failure: { ...run.transient.failure, retryAfterMs: 90_000 } };
    expect(runDeadlineMs('backoff', asked, 0)).toBe(90_000);
  });

  it('of a drain end before the agent must be gone', () => {
    const finishing = context([...prepared, run.drain], { onDrain: 'finish' });
    const drainMs = runDeadlineMs('drain', finishing) ?? Number.NaN;
    expect(drainMs).toBe(18_750);
    const left = { ...finishing, drain: { at: run.started + 1_000 + drainMs, deadline: run.started + 26_000 } };
    expect(runDeadlineMs('suspending', left)).toBe(3_125);
  });
});

function play(options: run.RunOptions, events: EventObject[]) {
  const machine = runMachine(options.task ?? 'backup');
  let snapshot = initialTransition(machine, run.inputOf(options))[0] as AnyMachineSnapshot;
  const states = [pathOf(snapshot)];
  for (const event of events) {
    snapshot = transition(machine, snapshot as never, event as never)[0] as AnyMachineSnapshot;
    const path = pathOf(snapshot);
    if (states.at(-1) !== path) states.push(path);
  }
  return { snapshot, states, last: states.at(-1), context: snapshot.context as RunContext };
}

/** The key under which a state asks for an effect. */
function keyAsked(snapshot: AnyMachineSnapshot, effect: string): string {
  const asked = snapshot._nodes.flatMap(node => node.invoke).find(({ id }) => id === effect);
  const { input } = asked as unknown as { input: (from: { context: unknown }) => { key: string } };
  return input({ context: snapshot.context }).key;
}
