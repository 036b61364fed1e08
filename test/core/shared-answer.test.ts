import { expect, test } from 'vitest';
import { SharedAnswer } from '../../src/core/shared-answer.ts';

test('each is answered by a question that was put after it asked, and those who wait share one', async () => {
  let put = 0;
  const answers: (() => void)[] = [];
  const shared = new SharedAnswer(async () => {
    const n = ++put;
    await new Promise<void>(resolve => answers.push(resolve));
    return n;
  });
  const turn = () => new Promise(resolve => setImmediate(resolve));
  const first = shared.ask();
  await turn();
  const later = [shared.ask(), shared.ask(), shared.ask()];
  await turn();
  expect(put).toBe(1);
  answers.shift()?.();
  expect(await first).toBe(1);
  await turn();
  answers.shift()?.();
  expect(await Promise.all(later)).toEqual([2, 2, 2]);
  const last = shared.ask();
  await turn();
  answers.shift()?.();
  expect(await last).toBe(3);
});

test('a question that fails fails for those who share it, and the next is put all the same', async () => {
  let put = 0;
  const shared = new SharedAnswer(async () => {
    put += 1;
    if (put === 1) throw new Error('away');
    return put;
  });
  const both = await Promise.allSettled([shared.ask(), shared.ask()]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await shared.ask()).toBe(2);
});
