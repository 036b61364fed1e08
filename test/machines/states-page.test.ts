/** The page of states says every state of every chart, with the words that the live chart shows, and its deadlines. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { agentMachine } from '../../machines/agent.ts';
import { backupMachine } from '../../machines/backup.ts';
import { scheduleMachine } from '../../machines/schedule.ts';
import { supervisorMachine } from '../../machines/supervisor.ts';
import type { StateMeta } from '../../src/core/machine-spec.ts';
import { nodesOf } from './graph.ts';

const page = readFileSync(new URL('../../docs/states.md', import.meta.url), 'utf8');
const pages: { heading: string; machine: AnyStateMachine }[] = [
  { heading: '## Runs', machine: backupMachine },
  { heading: '## Schedules', machine: scheduleMachine },
  { heading: '## Agents', machine: agentMachine },
  { heading: '## Supervisors', machine: supervisorMachine },
];

describe.each(pages)('$heading of docs/states.md', ({ heading, machine }) => {
  const section = page.slice(page.indexOf(heading)).split('\n## ', 1)[0] as string;
  const rows = new Map(
    [...section.matchAll(/^\| `([a-z.-]+)` *\| *(.*)$/gm)].map(([, state, rest]) => [state, rest as string]),
  );
  const leaves = nodesOf(machine.root).filter(node => Object.keys(node.states).length === 0);

  it('has a row for each state, and for no other', () => {
    expect([...rows.keys()].sort()).toEqual(leaves.map(node => node.path.join('.')).sort());
    expect(rows.size).toBeGreaterThan(5);
  });

  it('says what the chart says of each', () => {
    for (const node of leaves) {
      const row = rows.get(node.path.join('.')) ?? '';
      expect(row).toContain(node.description);
      expect(row.startsWith('Final.')).toBe(node.type === 'final');
      for (const name of ((node.meta ?? {}) as StateMeta).deadlines ?? []) expect(row).toContain(`\`${name}\``);
    }
  });
});
