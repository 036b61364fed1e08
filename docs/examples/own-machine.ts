/** A machine of one's own under Reeve's runtime: durable steps, commands by mail, a deadline as data. */
import { type DeadlinePassed, effect, openRuntime } from 'reeve';
import { assign, setup } from 'xstate';
import { z } from 'zod';

const order = setup({
  types: {
    context: {} as { item: string; paidAt: number | null },
    events: {} as { type: 'order.pay'; at: number } | DeadlinePassed,
    input: {} as { item: string },
  },
  // An effect is asked again when its actor is restored after a crash, so it must be idempotent.
  actors: { ship: effect<string, { item: string }>(async ({ input }) => `${input.item} is on its way`) },
  actions: { notePayment: assign(({ event }) => ({ paidAt: event.at })) },
}).createMachine({
  id: 'order',
  context: ({ input }) => ({ item: input.item, paidAt: null }),
  initial: 'unpaid',
  states: {
    unpaid: {
      meta: { deadlines: ['payment'] },
      on: { 'order.pay': { target: 'shipping', actions: 'notePayment' }, 'deadline.passed': { target: 'expired' } },
    },
    shipping: {
      invoke: { id: 'ship', src: 'ship', input: ({ context }) => ({ item: context.item }), onDone: { target: 'sent' } },
    },
    sent: { type: 'final' },
    expired: { type: 'final' },
  },
});

const commands = { 'order.pay': z.strictObject({ type: z.literal('order.pay'), requestId: z.string().optional() }) };
const deadlineMs = (name: string) => (name === 'payment' ? 30 * 60_000 : undefined);

// Without `nats` everything lives in memory; with `nats: { servers: [...] }` it outlives this process.
const runtime = await openRuntime({
  name: 'shop',
  kinds: [{ kind: 'order', version: 1, machine: order, commands, deadlineMs }],
});
const { record } = await runtime.start('order', 'o-1', { input: { item: 'a lamp' } });
console.log(record.state, 'until', record.deadlines.payment);
await runtime.send('order', 'o-1', { type: 'order.pay', requestId: 'first' });
await runtime.drain(5_000);
for (const { state, event } of (await runtime.history('order', 'o-1')).toReversed())
  console.log(`${event} -> ${state}`);
