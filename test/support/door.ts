/** A machine to supervise: a door that an effect opens, that a draught closes, and that a blow breaks. */
import { assign, setup } from 'xstate';
import { z } from 'zod';
import type { MachineDefinition } from '../../src/runtime/definition.ts';
import { effect } from '../../src/runtime/effect.ts';

const command = (type: string) =>
  z.strictObject({ type: z.literal(type), requestId: z.string().optional(), note: z.string().optional() });

export const doorCommands = {
  'door.open': command('door.open'),
  'door.close': command('door.close'),
  /** Makes the machine throw. */
  'door.kick': command('door.kick'),
  /** Ends it. */
  'door.remove': command('door.remove'),
};

/** Opening takes an effect; an open door closes itself after a minute; a kick makes it throw. */
export function door(swing: (signal: AbortSignal) => Promise<void> = () => Promise.resolve()): MachineDefinition {
  const machine = setup({
    types: {
      context: {} as { opened: number },
      input: {} as { opened?: number } | undefined,
      events: {} as { type: keyof typeof doorCommands } | { type: 'deadline.passed'; name: string },
    },
    actors: { swing: effect<void>(({ signal }) => swing(signal)) },
    actions: {
      count: assign(({ context }) => ({ opened: context.opened + 1 })),
      shatter: assign(() => {
        throw new Error('the door broke');
      }),
    },
  }).createMachine({
    id: 'door',
    context: ({ input }) => ({ opened: input?.opened ?? 0 }),
    on: { 'door.kick': { actions: 'shatter' }, 'door.remove': { target: '.gone' } },
    initial: 'closed',
    states: {
      closed: { description: 'It is closed.', on: { 'door.open': { target: 'opening' } } },
      opening: {
        meta: { waitsFor: 'its hinges' },
        invoke: { id: 'swing', src: 'swing', onDone: { target: 'open', actions: 'count' } },
      },
      open: {
        meta: { deadlines: ['draught'] },
        on: { 'door.close': { target: 'closed' }, 'deadline.passed': { target: 'closed' } },
      },
      gone: { type: 'final' },
    },
  });
  return {
    kind: 'door',
    version: 1,
    machine,
    commands: doorCommands,
    deadlineMs: name => (name === 'draught' ? 60_000 : undefined),
  };
}
