import { expect, test } from 'vitest';
import { Gate } from '../../src/core/gate.ts';

test('lets so many in at once, the others in their order, and settles as the work does', async () => {
  const gate = new Gate(3);
  let inside = 0;
  let most = 0;
  const done: number[] = [];
  const work = async (n: number) => {
    inside += 1;
    most = Math.max(most, inside);
    await new Promise(resolve => setImmediate(resolve));
    inside -= 1;
    done.push(n);
    if (n % 10 === 7) throw new Error(`${n} failed`);
    return n;
  };
  const numbers = Array.from({ length: 100 }, (_, n) => n);
  const settled = await Promise.allSettled(numbers.map(n => gate.run(() => work(n))));
  expect(most).toBe(3);
  expect(done).toEqual(numbers);
  expect(settled.filter(({ status }) => status === 'rejected')).toHaveLength(10);
  expect(settled[42]).toEqual({ status: 'fulfilled', value: 42 });
  expect(await gate.run(() => work(1))).toBe(1);
});
