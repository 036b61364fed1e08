/** A run's effects are a function of its durable state: restored anywhere, it asks for the same again. */

import { describe, expect, it } from 'vitest';
import { type AnyStateMachine, createActor, fromPromise } from 'xstate';
import { type RunEffectInput, runEffects, runMachine } from '../../machines/backup.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { OnDrain } from '../../src/domain/plan.ts';
import { snapshotOf } from '../../src/runtime/snapshot-of.ts';
import { pathOf, reachable } from './graph.ts';
import * as run from './runs.ts';

const choices: OnDrain[] = ['suspend', 'finish', 'detach', 'cancel'];

describe('a restored backup', () => {
  it.each(choices)('that drains by %s asks for the effect of its state, once and under its key', onDrain => {
    const asked: string[] = [];
    const actors = Object.fromEntries(
      Object.keys(runEffects).map(name => [
        name,
        fromPromise<never, RunEffectInput>(({ input }) => {
          asked.push(`${name} ${input.key}`);
          return new Promise(() => undefined);
        }),
      ]),
    );
    const machine = runMachine('backup').provide({ actors: actors as never });
    const events = [...run.outcomes, ...run.allDeadlines, ...run.commandsOf('backup'), ...run.facts];
    const walk = run.walkOf({ onDrain });
    let restored = 0;
    for (const reached of reachable(walk, events).values()) {
      if (reached.status !== 'active') continue;
      asked.length = 0;
      const context = JSON.parse(JSON.stringify(reached.context)) as JsonObject;
      const snapshot = snapshotOf(machine, { state: pathOf(reached), context });
      const actor = createActor(machine as AnyStateMachine, { snapshot });
      actor.start();
      const { id, attempt, resumes } = reached.context;
      const key = resumes === 0 ? `${id}:${attempt}` : `${id}:${attempt}.${resumes}`;
      const expected = reached._nodes.flatMap(node => node.invoke.map(effect => `${effect.id} ${key}`));
      expect([pathOf(reached), asked]).toEqual([pathOf(reached), expected]);
      expect(pathOf(actor.getSnapshot())).toBe(pathOf(reached));
      actor.stop();
      restored += 1;
    }
    expect(restored).toBeGreaterThan(20);
  });
});
