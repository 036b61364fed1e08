import { expect, test } from 'vitest';
import { coloursFor, paintState } from '../../src/cli/colours.ts';
import { stateDirectory } from '../../src/cli/state-directory.ts';
import { fieldLines, tableLines } from '../../src/cli/table.ts';
import { shownAge, shownTime } from '../../src/cli/times.ts';

test('columns are as wide as their widest cell, numbers stand right, and no line ends in spaces', () => {
  const rows = [
    { name: 'a', size: 5 },
    { name: '日本', size: null },
    { name: 'x\ty', size: 12_345 },
  ];
  expect(
    tableLines(
      [
        { title: 'NAME', cell: row => row.name },
        { title: 'SIZE', cell: row => row.size, align: 'end' },
        { title: 'NOTE', cell: () => undefined },
      ],
      rows,
    ),
  ).toEqual(['NAME   SIZE  NOTE', 'a         5  -', '日本      -  -', 'x\\ty  12345  -']);
});

test('fields are aligned, and undefined ones left out', () => {
  expect(
    fieldLines([
      ['a', 1],
      ['long', null],
      ['gone', undefined],
      ['b', 'x\u001b'],
    ]),
  ).toEqual(['a:     1', 'long:  -', 'b:     x\\x1b']);
});

test('colours are for terminals, unless NO_COLOR says otherwise', () => {
  const terminal = { isTTY: true, columns: 80, write: () => undefined };
  expect(paintState(coloursFor(terminal, {}), 'failed')).toBe('\u001b[31mfailed\u001b[39m');
  expect(paintState(coloursFor(terminal, { NO_COLOR: '1' }), 'failed')).toBe('failed');
  expect(paintState(coloursFor({ ...terminal, isTTY: false }, {}), 'failed')).toBe('failed');
});

test('times are shown to the second, ages in their largest unit', () => {
  expect(shownTime('2026-01-31T12:00:05.123Z')).toBe('2026-01-31 12:00:05Z');
  expect(shownTime('soon')).toBe('soon');
  expect(shownTime(null)).toBeNull();
  const from = '2026-01-01T00:00:00.000Z';
  expect([5, 65, 3_700, 90_000].map(s => shownAge(from, Date.parse(from) + s * 1000))).toEqual([
    '5s',
    '1m',
    '1h',
    '1d',
  ]);
  expect(shownAge('never', 0)).toBe('-');
});

test('the state directory is the platform’s', () => {
  expect(stateDirectory('linux', '/home/me', {})).toBe('/home/me/.local/state/reeve');
  expect(stateDirectory('linux', '/home/me', { XDG_STATE_HOME: '/s' })).toBe('/s/reeve');
  expect(stateDirectory('linux', '/home/me', { XDG_STATE_HOME: 'relative' })).toBe('/home/me/.local/state/reeve');
  expect(stateDirectory('darwin', '/Users/me', {})).toBe('/Users/me/Library/Application Support/reeve');
});
