/**
 * Text that came from outside (a file name, a note) as it may be shown on a terminal or in a log: control characters,
 * invisible ones and those that turn the direction of writing are escaped as `\x1b` or `\u202e`, backslashes doubled.
 */
export function printable(text: string): string {
  return text.replace(/[\\\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, escapeOne);
}

function escapeOne(character: string): string {
  if (character === '\\') return '\\\\';
  if (character === '\n') return '\\n';
  if (character === '\t') return '\\t';
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}
