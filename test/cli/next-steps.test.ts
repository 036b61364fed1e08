import { expect, test } from 'vitest';
import { nextSteps } from '../../src/cli/next-steps.ts';
import { commandNames } from './run-reeve.ts';

const first = { plan: 'home', backup: 'home-1', repository: '/backup', nats: undefined, command: 'reeve' };

test('every command that is named exists', () => {
  const named = nextSteps(first).flatMap(line => /^ {2}reeve (\w+)/.exec(line)?.[1] ?? []);
  expect(named.length).toBeGreaterThan(4);
  expect(commandNames()).toEqual(expect.arrayContaining(named));
});

test('a server that the commands do not find by themselves is named in each', () => {
  const lines = nextSteps({ ...first, nats: 'nats://n1:4222' });
  expect(lines.join('\n')).toContain('reeve --nats nats://n1:4222 history home-1');
});
