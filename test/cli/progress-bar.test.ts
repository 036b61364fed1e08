import fc from 'fast-check';
import { expect, test } from 'vitest';
import { barLine, figuresOf, timeText } from '../../src/cli/progress-bar.ts';
import { fitTo, padTo, widthOf } from '../../src/cli/width.ts';

const unknown = {
  bytesDone: null,
  bytesTotal: null,
  filesDone: null,
  filesTotal: null,
  rateBytesPerS: null,
  etaS: null,
};
const half = {
  bytesDone: 512 * 2 ** 20,
  bytesTotal: 2 ** 30,
  filesDone: 10,
  filesTotal: 20,
  rateBytesPerS: 120 * 2 ** 20,
  etaS: 75,
};

test('a bar has label, share, figures, rate and time to go', () => {
  expect(barLine('photos', half, 140)).toBe(
    'photos  [###############---------------]   50%  512.0 MiB of 1.0 GiB, 10 of 20 files, 120.0 MiB/s, 1:15 to go',
  );
});

test('where it is narrow, the bar shrinks and figures go, the time to go last', () => {
  expect(barLine('photos transferring', half, 84)).toBe(
    'photos transferring  [####----]   50%  512.0 MiB of 1.0 GiB, 120.0 MiB/s, 1:15 to go',
  );
  expect(barLine('photos transferring', half, 73)).toBe(
    'photos transferring  [####----]   50%  512.0 MiB, 120.0 MiB/s, 1:15 to go',
  );
  expect(barLine('photos transferring', half, 49)).toBe('photos transferring  [####----]   50%  1:15 to go');
});

test('without a total there are counts and no bar', () => {
  expect(barLine('photos', { ...unknown, bytesDone: 1024, filesDone: 3 }, 80)).toBe('photos  1.0 KiB, 3 files');
  expect(barLine('photos', unknown, 80)).toBe('photos');
  expect(figuresOf({ ...unknown, filesDone: 0, filesTotal: 0 })).toBe('0 files');
});

test('no line is wider than its terminal, and a bar never overflows, whatever the figures', () => {
  const figure = fc.oneof(fc.constant(null), fc.nat(), fc.maxSafeNat());
  const progress = fc.record({
    bytesDone: figure,
    bytesTotal: figure,
    filesDone: figure,
    filesTotal: figure,
    rateBytesPerS: figure,
    etaS: figure,
  });
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 40 }),
      progress,
      fc.integer({ min: 0, max: 200 }),
      (label, done, columns) => {
        expect(widthOf(barLine(label, done, columns))).toBeLessThanOrEqual(columns);
      },
    ),
  );
});

test.each([
  [0, '0:00'],
  [7.4, '0:07'],
  [75, '1:15'],
  [3_723, '1:02:03'],
  [-5, '0:00'],
])('%d seconds are %s', (seconds, text) => {
  expect(timeText(seconds)).toBe(text);
});

test('wide characters take two columns, combining ones none', () => {
  expect(widthOf('abc')).toBe(3);
  expect(widthOf('日本')).toBe(4);
  expect(widthOf('e\u0301')).toBe(1);
  expect(fitTo('日本語', 5)).toBe('日本…');
  expect(padTo('日', 4)).toBe('日  ');
  expect(padTo('7', 3, 'end')).toBe('  7');
});
