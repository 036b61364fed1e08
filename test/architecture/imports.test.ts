import { join } from 'node:path';
import { expect, test } from 'vitest';
import { forbiddenImports, importCycles, readSources } from './import-graph.ts';
import { importsOf } from './import-list.ts';
import { rules } from './import-rules.ts';

const root = join(import.meta.dirname, '..', '..');
const sources = await readSources(root, ['src', 'machines']);

test('enough was read to judge: many files, many imports, every part', () => {
  expect(sources.size).toBeGreaterThan(120);
  expect([...sources.values()].flatMap(importsOf).length).toBeGreaterThan(400);
  const unused = Object.keys(rules).filter(
    part =>
      part !== 'machines/generic' &&
      part !== 'src/runtime/interfaces' &&
      ![...sources.keys()].some(file => file.startsWith(part)),
  );
  expect(unused).toEqual([]);
});

test('imports run one way', () => {
  expect(forbiddenImports(sources)).toEqual([]);
});

test('no file imports itself in a circle', () => {
  expect(importCycles(sources).map(cycle => cycle.join(' -> '))).toEqual([]);
});

test.each([
  ["import { a } from './a.ts';", './a.ts', false],
  ["import type { A } from './a.ts';", './a.ts', true],
  ["import { type A, b } from './a.ts'", './a.ts', false],
  ["import a, * as b from './a.ts';", './a.ts', false],
  ["import {\n  a, // from './no.ts'\n  b,\n} from './a.ts';", './a.ts', false],
  ["import './a.ts';", './a.ts', false],
  ['import "./a.ts"', './a.ts', false],
  ["export * from './a.ts';", './a.ts', false],
  ["export type { A } from './a.ts';", './a.ts', true],
  ["export { a as b } from './a.ts';", './a.ts', false],
  ["const a = await import('./a.ts');", './a.ts', false],
  ["type A = typeof import('./a.ts');", './a.ts', true],
  [`const a = \`\${await import('./a.ts')}\`;`, './a.ts', false],
  ['const half = one / two; import("./a.ts"); const r = /import("b")/;', './a.ts', false],
  ['await import(name);', undefined, false],
])('the reader finds the one import of %j', (source, specifier, isType) => {
  expect(importsOf(source)).toEqual([{ specifier, isType }]);
});

test.each([
  ["// import a from './a.ts';"],
  ["/* export * from './a.ts' */"],
  ['const text = "import \'./a.ts\'";'],
  [`const text = \`import './a.ts' \${\`export * from './b.ts'\`} import './c.ts'\`;`],
  ["const text = /['`]/; const other = Array.from('a');"],
  ['const { url } = import.meta;'],
  ["export const a = { from: 'b' };"],
  ["export function send(from = 'b') {}"],
  ["export { a };\nconst b = Array.from('c');"],
])('the reader finds no import in %j', source => {
  expect(importsOf(source)).toEqual([]);
});

test('the rules catch what they forbid', () => {
  const bad = new Map([
    ['src/core/clock.ts', "import { readFile } from 'node:fs'; import type { Plan } from '../domain/plan.ts';"],
    ['src/domain/plan.ts', "import { z } from 'zod'; import { pino } from 'pino';"],
    ['src/runtime/runtime.ts', "export type { Plan } from '../domain/plan.ts'; await import('../nats/wire.ts');"],
    ['src/nats/wire.ts', "import { Runtime } from '../runtime/runtime.ts'; import '../runtime/record.ts';"],
    ['src/runtime/record.ts', ''],
    ['machines/supervisor.ts', "import '../src/domain/plan.ts';"],
    ['machines/backup.ts', "import '../src/domain/plan.ts'; import './supervisor.ts'; import './gone.ts';"],
    ['src/misc/thing.ts', ''],
    ['src/view/page.ts', "await import('../' + name);"],
  ]);
  expect(forbiddenImports(bad)).toEqual([
    'src/core/clock.ts is pure, and imports node:fs',
    'src/core/clock.ts imports src/domain/plan.ts',
    'src/domain/plan.ts imports the package pino',
    'src/runtime/runtime.ts imports src/domain/plan.ts',
    'src/runtime/runtime.ts imports src/nats/wire.ts',
    'src/nats/wire.ts imports src/runtime/runtime.ts',
    'machines/supervisor.ts imports src/domain/plan.ts',
    'machines/backup.ts imports machines/gone.ts, which is not there',
    'src/misc/thing.ts is in no part that the rules name',
    'src/view/page.ts computes what it imports',
  ]);
});

test('a circle is found, also through types', () => {
  const circle = new Map([
    ['src/core/a.ts', "import './b.ts';"],
    ['src/core/b.ts', "import type { C } from './c.ts';"],
    ['src/core/c.ts', "export * from './a.ts';"],
  ]);
  expect(importCycles(circle)).toEqual([['src/core/a.ts', 'src/core/b.ts', 'src/core/c.ts', 'src/core/a.ts']]);
});
