/** What every chart must keep, whatever it says. */

import { describe, expect, it } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { agentCommands, agentFacts, agentMachine } from '../../machines/agent.ts';
import { runCommandsOf, runFacts, runMachine } from '../../machines/backup.ts';
import { scheduleCommands, scheduleFacts, scheduleMachine } from '../../machines/schedule.ts';
import { supervisorFacts, supervisorMachine } from '../../machines/supervisor.ts';
import type { StateMeta } from '../../src/core/machine-spec.ts';
import { endings, runKinds } from '../../src/domain/run.ts';
import { nodesOf } from './graph.ts';

interface Chart {
  name: string;
  machine: AnyStateMachine;
  /** Every event that may stand in `on`. */
  declared: readonly string[];
  top: string[];
  durable: boolean;
}

const runStates = [
  ...['pending', 'preparing', 'transferring', 'verifying', 'committing', 'draining', 'suspended', 'detached'],
  ...['reattaching', 'retrying', 'cancelling', 'timing-out', 'cleaning', ...endings],
];

const charts: Chart[] = [
  ...runKinds.map(kind => ({
    name: kind,
    machine: runMachine(kind) as AnyStateMachine,
    declared: [...runFacts, ...Object.keys(runCommandsOf(kind))],
    top: runStates,
    durable: true,
  })),
  {
    name: 'agent',
    machine: agentMachine,
    declared: [...agentFacts, ...Object.keys(agentCommands)],
    top: ['joining', 'running', 'draining', 'fenced', 'stopped'],
    durable: true,
  },
  {
    name: 'schedule',
    machine: scheduleMachine as AnyStateMachine,
    declared: [...scheduleFacts, ...Object.keys(scheduleCommands)],
    top: ['waiting', 'firing', 'blocked', 'paused', 'draining', 'released', 'retired'],
    durable: true,
  },
  {
    name: 'supervisor',
    machine: supervisorMachine,
    declared: supervisorFacts,
    top: ['starting', 'running', 'restarting', 'draining', 'stopped', 'escalated'],
    durable: false,
  },
];

describe.each(charts)('the chart of $name', ({ machine, declared, top, durable }) => {
  const nodes = nodesOf(machine.root);
  const states = nodes.filter(node => node !== machine.root);

  it('has the states that the wire fixes, at its top', () => {
    expect(Object.keys(machine.root.states).sort()).toEqual([...top].sort());
  });

  it('names each state in kebab case', () => {
    for (const { key } of states) expect(key).toMatch(/^[a-z]+(-[a-z]+)*$/);
  });

  it('describes each state in a sentence', () => {
    for (const { description } of states) expect(description).toMatch(/^[A-Z].{15,}\.$/);
  });

  it('listens for declared events only', () => {
    const effects = nodes.flatMap(node => node.invoke.map(({ id }) => id));
    const ends = effects.flatMap(id => [`xstate.done.actor.${id}`, `xstate.error.actor.${id}`]);
    const heard = new Set(nodes.flatMap(node => [...node.transitions.keys()] as string[]));
    expect([...heard].filter(type => !declared.includes(type) && !ends.includes(type))).toEqual([]);
    expect(declared.filter(type => !heard.has(type))).toEqual([]);
  });

  it('says of each state that it does not pass through what ends it, or what it waits for', () => {
    const resting = states.filter(node => node.type === 'atomic' && (node.always ?? []).length === 0);
    for (const node of resting) {
      const { deadlines = [], waitsFor } = (node.meta ?? {}) as StateMeta;
      expect([node.key, deadlines.length > 0 || waitsFor !== undefined]).toEqual([node.key, true]);
    }
    expect(resting.length).toBeGreaterThan(3);
  });

  it('handles each deadline that it names', () => {
    for (const node of states) {
      const { deadlines = [] } = (node.meta ?? {}) as StateMeta;
      if (deadlines.length > 0) expect([node.key, node.transitions.has('deadline.passed')]).toEqual([node.key, true]);
    }
  });

  it.runIf(durable)('is fit to be restored from its state and context', () => {
    for (const node of nodes) {
      expect(['atomic', 'compound', 'final']).toContain(node.type);
      expect(node.after).toEqual([]);
      const ids = node.invoke.map(({ id }) => id);
      expect(ids.filter(id => id.includes('.'))).toEqual([]);
      for (const { src } of node.invoke) expect(Object.keys(machine.implementations.actors)).toContain(src);
    }
    expect(machine.config.options?.maxIterations).toBe(500);
  });
});
