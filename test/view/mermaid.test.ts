import { expect, test } from 'vitest';
import { createMachine } from 'xstate';
import { mermaidOf } from '../../src/view/mermaid.ts';

const machine = createMachine({
  id: 'door',
  initial: 'closed',
  states: {
    closed: { on: { open: { target: 'wide-open' } } },
    'wide-open': {
      initial: 'still',
      invoke: {
        id: 'waitForWind',
        src: 'waitForWind',
        onDone: { target: 'closed' },
        onError: { target: '#end' },
      },
      on: { close: { target: 'closed' } },
      states: { still: { on: { shake: { target: 'moving' } } }, moving: {} },
    },
    broken: { id: 'end', type: 'final' },
  },
});

test.each([
  ['definition', JSON.parse(JSON.stringify(machine.definition))],
  ['configuration', JSON.parse(JSON.stringify(machine.config))],
])('every state and arrow of a %s is drawn', (_form, json) => {
  const lines = mermaidOf(json)
    .split('\n')
    .map(line => line.trim());
  expect(lines[0]).toBe('stateDiagram-v2');
  for (const line of [
    '[*] --> closed',
    'closed --> wide_open: open',
    'wide_open --> closed: close',
    'wide_open --> closed: waitForWind done',
    'wide_open --> broken: waitForWind failed',
    'wide_open_still --> wide_open_moving: shake',
    '[*] --> wide_open_still',
    'broken --> [*]',
    'state "wide-open" as wide_open {',
  ])
    expect(lines).toContain(line);
  expect(lines.filter(line => line.includes('waitForWind'))).toHaveLength(2);
});

test('what is no machine is an empty diagram', () => {
  expect(mermaidOf(null)).toBe('stateDiagram-v2\n');
});
