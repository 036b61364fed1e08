import { expect, test } from 'vitest';
import { definitionOf, filled } from '../../../src/engines/exec/definition.ts';

const config = (pattern: string) => ({
  name: 'here',
  exec: { dump: { backup: ['/bin/dump', '{output}', '{v}'], params: { v: pattern } } },
});
const defined = (pattern: string, v: string) => {
  const plan = { engine: { type: 'exec', use: 'dump', params: { v } } };
  return definitionOf(plan as never, config(pattern) as never).values;
};

test('the whole value must match, whatever the expression is made of', () => {
  expect(defined('a|b', 'b')).toEqual({ v: 'b' });
  for (const value of ['ab', 'xb', 'a\nb', 'b\n', '']) expect(() => defined('a|b', value)).toThrow('does not match');
});

test('a placeholder is filled once, and never makes an option', () => {
  expect(filled(['--base={a}', '{b}/{a}', '{}', '{ a }'], { a: '{b}', b: 'x' })).toEqual([
    '--base={b}',
    'x/{b}',
    '{}',
    '{ a }',
  ]);
  expect(() => filled(['{a}'], { a: '-x' })).toThrow('would become the option -x');
  expect(() => filled(['{a}'], {})).toThrow('nothing fills {a}');
  expect(() => filled(['{toString}'], {})).toThrow('nothing fills');
});
