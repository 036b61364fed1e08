import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { LiveRegion } from '../../src/cli/live-region.ts';
import { widthOf } from '../../src/cli/width.ts';

function drawing(columns: number) {
  const written: string[] = [];
  const region = new LiveRegion({ isTTY: true, columns, write: text => void written.push(text) });
  return { region, written };
}

test('what was drawn is replaced in place, and taken away once', () => {
  const { region, written } = drawing(80);
  region.draw(['one', 'two']);
  region.draw(['three']);
  region.clear();
  region.clear();
  expect(written).toEqual(['one\ntwo\n', '\u001b[2A\r\u001b[0Jthree\n', '\u001b[1A\r\u001b[0J']);
});

test('no line wraps, coloured or not', () => {
  const { region, written } = drawing(10);
  region.draw(['0123456789', '\u001b[31m0123456789\u001b[39m', '\u001b[31mshort\u001b[39m']);
  const lines = written.join('').trimEnd().split('\n');
  expect(lines.every(line => widthOf(stripVTControlCharacters(line)) < 10)).toBe(true);
  expect(lines[2]).toBe('\u001b[31mshort\u001b[39m');
});
