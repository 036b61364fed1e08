import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const execute = promisify(execFile);

test('the example of a machine of one’s own runs as the documents show it', async () => {
  const { stdout } = await execute(process.execPath, ['docs/examples/own-machine.ts']);
  const [first, ...steps] = stdout.trim().split('\n');
  expect(first).toMatch(/^unpaid until \d{4}-/);
  expect(steps).toEqual(['actor.created -> unpaid', 'order.pay -> shipping', 'xstate.done.actor.ship -> sent']);
});
