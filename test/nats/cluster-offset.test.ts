import { expect, test } from 'vitest';
import { ClusterOffset } from '../../src/nats/cluster-offset.ts';

test('is unknown until it was measured', () => {
  expect(new ClusterOffset().ms()).toBeUndefined();
});

test('believes the message that travelled least', () => {
  const offset = new ClusterOffset();
  offset.measure({ sentMs: 0, serverMs: 1_900, heardMs: 1_800 });
  expect(offset.ms()).toBe(1_000);
  offset.measure({ sentMs: 10_000, serverMs: 11_205, heardMs: 10_010 });
  offset.measure({ sentMs: 20_000, serverMs: 21_900, heardMs: 21_000 });
  expect(offset.ms()).toBe(1_200);
});

test('forgets what it believed when a clock was set, whichever', () => {
  const offset = new ClusterOffset();
  offset.measure({ sentMs: 0, serverMs: 0, heardMs: 0 });
  offset.measure({ sentMs: 1_000, serverMs: 61_050, heardMs: 1_100 });
  expect(offset.ms()).toBe(60_000);
});

test('passes over a message that travelled too long, or back in time', () => {
  const offset = new ClusterOffset();
  offset.measure({ sentMs: 0, serverMs: 0, heardMs: 10_000 });
  offset.measure({ sentMs: 10_000, serverMs: 0, heardMs: 0 });
  expect(offset.ms()).toBeUndefined();
});
