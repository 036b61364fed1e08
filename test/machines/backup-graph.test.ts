/** What can become of a run: over the graph of the real chart, for each kind and each choice of what a drain does. */

import { describe, expect, it } from 'vitest';
import type { AnyMachineSnapshot } from 'xstate';
import type { OnDrain } from '../../src/domain/plan.ts';
import type { RunContext, RunKind } from '../../src/domain/run.ts';
import { outcomesFrom, reachable, restingStates, step, topOf } from './graph.ts';
import * as run from './runs.ts';

const families: { task: RunKind; commits: boolean }[] = [
  { task: 'backup', commits: true },
  { task: 'restore', commits: false },
];
const choices: OnDrain[] = ['suspend', 'finish', 'detach', 'cancel'];
const deaf = ['cancelling', 'timing-out', 'cleaning'];
const starting = ['pending', 'preparing', 'transferring', 'retrying', 'reattaching'];

/** Whatever effects and bounds can do on the way out, and on the way to rest. */
const toTheEnd = [...run.outcomes, ...run.stopDeadlines];
const toRest = [...run.outcomes, ...run.drainDeadlines];

const isFinal = (snapshot: AnyMachineSnapshot) => snapshot.status === 'done';
const contextOf = (snapshot: AnyMachineSnapshot) => snapshot.context as RunContext;

describe.each(families)('a $task', ({ task, commits }) => {
  const graphs = choices.map(onDrain => {
    const walk = run.walkOf({ task, onDrain });
    const events = [...run.outcomes, ...run.allDeadlines, ...run.commandsOf(task), ...run.facts];
    return { onDrain, walk, reached: reachable(walk, events) };
  });
  const ofChoice = (onDrain: OnDrain) => graphs[choices.indexOf(onDrain)] as (typeof graphs)[number];

  it('can come to every state of its chart, and to no other', () => {
    const reached = new Set(graphs.flatMap(graph => [...graph.reached.values()].map(snapshot => pathIn(snapshot))));
    const declared = restingStates(ofChoice('suspend').walk.machine);
    const neverOfOthers = ['cleaning.settling', 'committing', 'verifying'];
    const expected = commits ? declared : declared.filter(state => !neverOfOthers.includes(state));
    expect([...reached].sort()).toEqual(expected);
    expect(declared.length).toBeGreaterThan(20);
  });

  it.each(choices)('that drains by %s takes a cancel in every state but those that stop it already', onDrain => {
    const { reached } = ofChoice(onDrain);
    const cancel = run.told(`${task}.cancel`);
    for (const snapshot of reached.values()) {
      if (snapshot.status !== 'active') continue;
      expect([run.keyOf(snapshot), snapshot.can(cancel as never)]).toEqual([
        run.keyOf(snapshot),
        !deaf.includes(topOf(snapshot)),
      ]);
    }
  });

  it.each(choices)('that drains by %s ends as promised after a cancel, whatever its effects do', onDrain => {
    const { walk, reached } = ofChoice(onDrain);
    const cancel = run.told(`${task}.cancel`);
    let cancels = 0;
    for (const from of reached.values()) {
      if (!from.can(cancel as never) || from.status !== 'active') continue;
      cancels += 1;
      const asked = step(walk.machine, from, cancel);
      const { ends, wrong } = outcomesFrom(walk, asked, toTheEnd, isFinal);
      const open = contextOf(from).slot === 'open';
      expect([run.keyOf(from), wrong]).toEqual([run.keyOf(from), []]);
      expect([...ends].sort()).toEqual(
        open ? ['cancelled', 'completed', 'failed', 'partial'] : ['cancelled', 'failed'],
      );
    }
    expect(cancels).toBeGreaterThan(20);
  });

  it.each(choices)(
    'that drains by %s is lost with its host, and only its slot is asked and what is left removed',
    onDrain => {
      const { walk, reached } = ofChoice(onDrain);
      let ended = 0;
      for (const from of reached.values()) {
        if (from.status !== 'active') continue;
        ended += 1;
        const given = step(walk.machine, from, run.hostAway);
        expect([run.keyOf(from), topOf(given)]).toEqual([run.keyOf(from), 'cleaning']);
        const { ends, passed, wrong } = outcomesFrom(walk, given, toTheEnd, isFinal);
        expect([run.keyOf(from), wrong]).toEqual([run.keyOf(from), []]);
        expect(
          [...passed].filter(key => !/^(cleaning|lost|completed|partial|cancelled|timed-out|failed)/.test(key)),
        ).toEqual([]);
        const { slot, ending } = contextOf(from);
        const said = slot === 'open' ? ['completed', 'lost', 'partial'] : ['lost'];
        // What is cleaning up has its ending, unless its slot cannot be asked: its engine was gone before.
        if (topOf(from) !== 'cleaning') expect([run.keyOf(from), [...ends].sort()]).toEqual([run.keyOf(from), said]);
        else expect([...ends].filter(end => ![...said, ending].includes(end))).toEqual([]);
      }
      expect(ended).toBeGreaterThan(20);
    },
  );

  it.each(choices)('that drains by %s comes to its end once it is stopping, without anybody’s help', onDrain => {
    const { walk, reached } = ofChoice(onDrain);
    for (const from of reached.values()) {
      if (!deaf.includes(topOf(from))) continue;
      const { ends, wrong } = outcomesFrom(walk, from, toTheEnd, isFinal);
      expect([run.keyOf(from), wrong]).toEqual([run.keyOf(from), []]);
      expect(ends.size).toBeGreaterThan(0);
    }
  });

  it.each(choices)('that drains by %s rests or ends after a drain, and starts nothing meanwhile', onDrain => {
    const { walk, reached } = ofChoice(onDrain);
    const rests = (snapshot: AnyMachineSnapshot) =>
      isFinal(snapshot) || ['suspended', 'detached'].includes(topOf(snapshot));
    let drains = 0;
    for (const from of reached.values()) {
      if (from.status !== 'active') continue;
      drains += 1;
      const asked = step(walk.machine, from, run.drain);
      const { passed, wrong } = outcomesFrom(walk, asked, toRest, rests);
      expect([run.keyOf(from), wrong]).toEqual([run.keyOf(from), []]);
      const begun = [...passed].filter(key => starting.includes(key.split(/[ .]/, 1)[0] as string));
      expect([run.keyOf(from), begun]).toEqual([run.keyOf(from), []]);
    }
    expect(drains).toBeGreaterThan(20);
  });

  it.each(choices)('that was suspended by a drain by %s goes on when the agent returns', onDrain => {
    const { walk, reached } = ofChoice(onDrain);
    for (const from of reached.values()) {
      const { suspendedBy } = contextOf(from);
      if (topOf(from) !== 'suspended') continue;
      const next = step(walk.machine, from, run.told('agent.returned'));
      if (suspendedBy === 'user') expect(topOf(next)).toBe('suspended');
      else expect(['pending', 'preparing', 'verifying']).toContain(topOf(next));
      expect(contextOf(next).drain).toBeNull();
    }
  });
});

function pathIn(snapshot: AnyMachineSnapshot): string {
  return run.keyOf(snapshot).split(' ', 1)[0] as string;
}
