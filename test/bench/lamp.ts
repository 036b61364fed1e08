/** The actor that is measured: a lamp that burns for an hour at most, and can be switched and broken. */
import { assign, setup } from 'xstate';
import { z } from 'zod';
import type { MachineDefinition } from '../../src/runtime/definition.ts';

const lampMachine = setup({
  types: {
    context: {} as { room: string; switched: number },
    input: {} as { room: string },
    events: {} as { type: 'lamp.switch' } | { type: 'lamp.broke' } | { type: 'deadline.passed'; name: string },
  },
  actions: {
    countSwitch: assign({ switched: ({ context }) => context.switched + 1 }),
    shatter: () => {
      throw new Error('the filament broke');
    },
  },
}).createMachine({
  id: 'lamp',
  context: ({ input }) => ({ room: input.room, switched: 0 }),
  initial: 'on',
  on: { 'lamp.broke': { actions: 'shatter' } },
  states: {
    on: {
      meta: { deadlines: ['hour'] },
      on: { 'lamp.switch': { target: 'off', actions: 'countSwitch' }, 'deadline.passed': { target: 'off' } },
    },
    off: { meta: { waitsFor: 'somebody' }, on: { 'lamp.switch': { target: 'on', actions: 'countSwitch' } } },
  },
});

const switchSchema = z.strictObject({ type: z.literal('lamp.switch'), requestId: z.string().optional() });

export const lamp = {
  kind: 'lamp',
  version: 1,
  machine: lampMachine,
  commands: { 'lamp.switch': switchSchema },
  deadlineMs: () => 3_600_000,
} satisfies MachineDefinition;
