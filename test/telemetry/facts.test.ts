import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { facts, factsTable } from '../../src/telemetry/facts.ts';
import { cellsOf } from './markdown-table.ts';

test('docs/facts.md has the table of every fact with its fields', async () => {
  const text = await readFile(new URL('../../docs/facts.md', import.meta.url), 'utf8');
  const written = cellsOf(text);
  expect(written.length).toBe(Object.keys(facts).length + 2);
  expect(written).toEqual(cellsOf(factsTable()));
});

test('every fact that an observer may be told is in the table, with a message of its own', async () => {
  const told: (string | undefined)[] = [];
  for (const name of ['core/runtime-facts.ts', 'domain/facts.ts']) {
    const source = await readFile(new URL(`../../src/${name}`, import.meta.url), 'utf8');
    const names = [...source.matchAll(/^ {2}fact: '([^']+)';$/gm)].map(match => match[1]);
    expect(names.length, name).toBeGreaterThan(10);
    told.push(...names);
  }
  expect(Object.keys(facts).sort()).toEqual(told.sort());
  expect(new Set(Object.values(facts).map(({ message }) => message)).size).toBe(told.length);
});
