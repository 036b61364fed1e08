import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const allowed = [
  '.ci',
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  'LICENSE',
  'README.md',
  'docker-compose.yml',
  'docs',
  'machines',
  'package-lock.json',
  'package.json',
  'src',
  'test',
  'tsconfig.json',
];

test('the top level of the repository holds only what its readers look for there', () => {
  const root = join(import.meta.dirname, '..', '..');
  const files = execFileSync('git', ['-c', 'safe.directory=*', 'ls-files', '-z'], { cwd: root, encoding: 'utf8' })
    .split('\0')
    .filter(Boolean);
  const names = new Set(files.map(file => file.split('/')[0] ?? ''));
  expect(names.size).toBeGreaterThan(5);
  expect([...names].filter(name => !allowed.includes(name) && !name.startsWith('.'))).toEqual([]);
});
