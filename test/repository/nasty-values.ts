/** What a field, a path or a symlink's target may be at its worst. */

const base64 = (text: string) => ({ base64: Buffer.from(text, 'latin1').toString('base64') });

/** No size among them that a disk could hold and a test could not: a restore writes what it is told. */
export const nastyNumbers: readonly number[] = [
  ...[-1, 0, 1, 1.5, 4_294_967_294, 4_294_967_295, 4_294_967_296, 2 ** 50, 2 ** 53 - 1, 2 ** 53, 1e25, 1e308, -1e308],
];

export const nastyValues: readonly unknown[] = [
  ...nastyNumbers,
  ...[null, true, false, '', 'x', '\0', '__proto__', 'constructor', 'a'.repeat(5_000), '\ud800', '1', '-1'],
  ...[[], {}, [[]], [[[]]], { toString: 1 }, { toJSON: 1 }, { length: 9 }, { base64: 7 }, base64('../evil')],
];

/** None of these may lead out of a restore's directory. */
export function nastyPaths(canary: string): readonly unknown[] {
  return [
    ...['..', '.', '', '../evil', '/evil', './a', 'a/.', 'a/..', 'a/', 'a//b', '//', '/', 'a/../../evil', 'a/./b'],
    ...['../'.repeat(9) + canary.slice(1), '../canary/evil', 'a/../../canary/evil', canary, `${canary}/evil`],
    ...['\0', 'a\0b', '..\0', '../evil\0', 'a\\..\\..\\evil', 'a\n../evil', '\ud800/..', '\uff0e\uff0e/evil', '~', '*'],
    ...[
      base64('../evil'),
      base64(canary),
      base64('\xff/../..'),
      base64(''),
      base64('\0'),
      { base64: '..' },
      base64('\xff'),
    ],
    ...['n'.repeat(300), `${'a/'.repeat(3_000)}a`, `${'a/'.repeat(10_000)}a`, '.reeve-restore-0000000000000000'],
    ...[7, null, [], {}, ['a'], { base64: ['a'] }],
  ];
}

/** A symlink may point anywhere; nothing may follow it. */
export function nastyTargets(canary: string): readonly unknown[] {
  return [
    ...[
      '.',
      '..',
      '/',
      '/etc/passwd',
      '/proc/self/root',
      '../canary',
      '../canary/precious',
      canary,
      `${canary}/precious`,
    ],
    ...['a', 'a/b', '../'.repeat(40), 'x'.repeat(5_000), '\n', '\u202e', base64('\xff'), base64(canary)],
    ...['', '\0', 'a\0b', 7, null, [], {}],
  ];
}
