import { expect, test } from 'vitest';
import { nextSteps } from '../../src/cli/next-steps.ts';
import { commandNames } from './run-reeve.ts';

const nats = 'nats://127.0.0.1:40001';
const first = {
  plan: 'home',
  backup: 'home-1',
  repository: '/backup',
  nats,
  isFound: true,
  prefix: 'reeve',
  command: 'reeve',
};

test('every command that is named exists', () => {
  const named = nextSteps(first).flatMap(line => /^ {2}reeve (\w+)/.exec(line)?.[1] ?? []);
  expect(named.length).toBeGreaterThan(4);
  expect(commandNames()).toEqual(expect.arrayContaining(named));
});

test('a server that the commands do not find by themselves is named in each', () => {
  const lines = nextSteps({ ...first, nats: 'nats://n1:4222', isFound: false });
  expect(lines.join('\n')).toContain('reeve --nats nats://n1:4222 history home-1');
});

test('the server and the prefix are named to those who cannot find them', () => {
  expect(nextSteps(first).join('\n')).toContain(`nats -s ${nats} pub reeve.actor.backup.ID `);
  const other = nextSteps({ ...first, prefix: 'shop' }).join('\n');
  expect(other).toContain('reeve --prefix shop history home-1');
  expect(other).toContain(`nats -s ${nats} pub shop.actor.backup.ID `);
});
