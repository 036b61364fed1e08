/**
 * A machine to crash: it counts commands, and for each an effect writes one line. Which commands it takes is decided by
 * the command alone, so that a test knows without asking.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { assign, setup } from 'xstate';
import { z } from 'zod';
import type { MachineDefinition } from '../../src/runtime/definition.ts';
import { effect } from '../../src/runtime/effect.ts';

const add = z.strictObject({
  type: z.literal('count.add'),
  mark: z.string(),
  isWelcome: z.boolean(),
  requestId: z.string().optional(),
});

export interface Line {
  id: string;
  /** Which of the commands that its counter took. */
  n: number;
  mark: string;
}

/** Lines of a file, oldest first; one that a kill tore is passed over. */
export function linesOf(file: string): Line[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(line => line.endsWith('}'))
    .map(line => JSON.parse(line) as Line);
}

interface Waiting {
  n: number;
  mark: string;
}

/** A counter whose effects go to `file`, each once by its number, also when it is asked again. */
export function counter(file: string): MachineDefinition {
  const machine = setup({
    types: {
      context: {} as { id: string; count: number; waiting: Waiting[] },
      input: {} as { id: string },
      events: {} as z.infer<typeof add>,
    },
    actors: {
      write: effect<void, { id: string; next: Waiting | undefined }>(async ({ input: { id, next } }) => {
        if (!next || linesOf(file).some(line => line.id === id && line.n === next.n)) return;
        appendFileSync(file, `\n${JSON.stringify({ id, ...next })}\n`);
      }),
    },
    guards: { isWelcome: ({ event }) => event.isWelcome, isWaiting: ({ context }) => context.waiting.length > 0 },
    actions: {
      count: assign(({ context: { count, waiting }, event: { mark } }) => ({
        count: count + 1,
        waiting: [...waiting, { n: count + 1, mark }],
      })),
      cross: assign(({ context: { waiting } }) => ({ waiting: waiting.slice(1) })),
    },
  }).createMachine({
    id: 'counter',
    context: ({ input: { id } }) => ({ id, count: 0, waiting: [] }),
    on: { 'count.add': { guard: 'isWelcome', actions: 'count' } },
    initial: 'resting',
    states: {
      resting: { always: { guard: 'isWaiting', target: 'writing' } },
      writing: {
        invoke: {
          id: 'write',
          src: 'write',
          input: ({ context: { id, waiting } }) => ({ id, next: waiting[0] }),
          onDone: { target: 'resting', actions: 'cross' },
        },
      },
    },
  });
  return { kind: 'counter', version: 1, machine, commands: { 'count.add': add } };
}
