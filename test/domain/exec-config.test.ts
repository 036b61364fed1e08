import { expect, test } from 'vitest';
import { checkDocument } from '../../src/domain/check.ts';
import { execSchema } from '../../src/domain/exec-config.ts';

const wrong = (exec: object) => checkDocument(execSchema, { backup: ['/bin/x', '{output}'], ...exec }).wrong;

test('a command whose placeholders are all known is taken', () => {
  expect(wrong({ backup: ['/bin/x', '--base={base}', '--out={output}'], params: { base: '[a-z]+' } })).toBeUndefined();
  expect(wrong({ restore: ['/bin/y', '{input}', '{to}', '{ not a name }'] })).toBeUndefined();
});

test('a placeholder that nothing fills, and a command that does not know its place, are refused', () => {
  expect(wrong({ backup: ['/bin/x', '{ouput}'] })).toBe(
    'backup: has no {output}; backup: has {ouput}, which is no parameter',
  );
  expect(wrong({ backup: ['/bin/x', '{output}', '{to}'] })).toBe('backup: has {to}, which is no parameter');
  expect(wrong({ restore: ['/bin/y', '{input}'] })).toBe('restore: has no {to}');
  expect(wrong({ backup: ['/bin/{which}', '{output}'], params: { which: 'a' } })).toBe(
    'backup: has a placeholder for its command',
  );
  expect(wrong({ params: { output: 'a' } })).toBe('params.output: is the name of a placeholder of ours');
});
