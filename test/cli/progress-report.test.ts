import { expect, test } from 'vitest';
import { progressReport } from '../../src/cli/progress-report.ts';

const progress = (bytesDone: number) => ({
  bytesDone,
  bytesTotal: 100,
  filesDone: null,
  filesTotal: null,
  rateBytesPerS: null,
  etaS: null,
});

function reporting(columns?: number) {
  let text = '';
  let now = 0;
  const output = {
    isTTY: columns !== undefined,
    columns,
    write(more: string) {
      text += more;
    },
  };
  const report = progressReport(output, { now: () => now });
  return {
    report,
    at: (ms: number) => {
      now = ms;
    },
    take: () => {
      const taken = text;
      text = '';
      return taken;
    },
  };
}

test('without a terminal there is a line each state, each 5 s and each 10 %, and nothing between', () => {
  const { report, at, take } = reporting();
  report.show('photos-1', 'preparing', undefined);
  report.show('photos-1', 'transferring', progress(1));
  at(4_999);
  report.show('photos-1', 'transferring', progress(10));
  expect(take()).toBe('photos-1 preparing\nphotos-1 transferring: 1%, 1 B of 100 B\n');
  report.show('photos-1', 'transferring', progress(11));
  expect(take()).toBe('photos-1 transferring: 11%, 11 B of 100 B\n');
  at(9_998);
  report.show('photos-1', 'transferring', progress(12));
  expect(take()).toBe('');
  at(9_999);
  report.show('photos-1', 'transferring', progress(12));
  expect(take()).toBe('photos-1 transferring: 12%, 12 B of 100 B\n');
});

test('on a terminal one line is drawn in place, at most ten times a second, and taken away at the end', () => {
  const { report, at, take } = reporting(60);
  report.show('photos-1', 'transferring', progress(1));
  at(99);
  report.show('photos-1', 'transferring', progress(2));
  expect(take().split('\n')).toHaveLength(2);
  at(100);
  report.show('photos-1', 'transferring', progress(3));
  const drawn = take();
  expect(drawn.startsWith('\u001b[1A\r\u001b[0Jphotos-1 transferring  [')).toBe(true);
  expect(drawn).toMatch(/\[-+\] +3% .*\n$/);
  report.say('NATS is away');
  expect(take()).toBe('\u001b[1A\r\u001b[0JNATS is away\n');
  report.end();
  report.end();
  expect(take()).toBe('');
});

test('a label with control characters is escaped', () => {
  const { report, take } = reporting(60);
  report.show('a\u001b[2J', 'preparing', undefined);
  expect(take()).toBe('a\\x1b[2J preparing\n');
});
