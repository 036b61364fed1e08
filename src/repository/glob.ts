/**
 * Globs over relative paths: `*` and `?` stay within a name, `**` spans directories, `[a-z]` and `[!a-z]` are classes,
 * `{a,b}` are alternatives, `\` takes the next character as it is. A glob without a slash matches a name at any depth;
 * a leading slash ties it to the top; a trailing slash matches directories only. Matching takes time in proportion to
 * pattern times name, whatever the pattern, because globs come from outside.
 */
import { type BytePath, bytesOf } from './byte-path.ts';

/** True where one of the globs matches this path itself (not what is below it). */
export type PathMatcher = (path: BytePath, isDirectory: boolean) => boolean;

/** Alternatives that one glob may expand to; beyond it a glob is taken as it is written. */
const alternativesMax = 1_000;

/** A matcher for any of the globs; none matches nothing. Bytes of a path that are not UTF-8 count as one U+FFFD each. */
export function compileGlobs(globs: readonly string[]): PathMatcher {
  const compiled = globs.flatMap(expandBraces).map(compileGlob);
  if (compiled.length === 0) return () => false;
  return (path, isDirectory) => {
    const names = bytesOf(path).toString('utf8').split('/');
    return compiled.some(glob => matchesGlob(glob, names, isDirectory));
  };
}

interface Glob {
  /** A name's pattern each; null is `**`. */
  names: (Token[] | null)[];
  directoriesOnly: boolean;
}

/** One character of a name's pattern; `star` is any run of characters. */
type Token = { kind: 'star' } | { kind: 'one'; matches: (character: string) => boolean };

function compileGlob(text: string): Glob {
  const directoriesOnly = text.endsWith('/');
  const body = directoriesOnly ? text.slice(0, -1) : text;
  const parts = body.split('/');
  const names = (parts[0] === '' ? parts.slice(1) : parts).map(part => (part === '**' ? null : tokensOf(part)));
  return { names: body.includes('/') ? names : [null, ...names], directoriesOnly };
}

function matchesGlob(glob: Glob, names: readonly string[], isDirectory: boolean): boolean {
  if (glob.directoriesOnly && !isDirectory) return false;
  // reachable[n]: the patterns so far can have consumed exactly the first n names.
  let reachable = new Set([0]);
  for (const pattern of glob.names) {
    const next = new Set<number>();
    for (const at of reachable) {
      if (pattern === null) for (let to = at; to <= names.length; to += 1) next.add(to);
      else if (at < names.length && matchesName(pattern, names[at] ?? '')) next.add(at + 1);
    }
    reachable = next;
  }
  return reachable.has(names.length);
}

/** The usual match of wildcards: on a mismatch only the last star gives way, so that it is never exponential. */
function matchesName(pattern: readonly Token[], name: string): boolean {
  const characters = [...name];
  let [p, c, star, retry] = [0, 0, -1, 0];
  while (c < characters.length) {
    const token = pattern[p];
    if (token?.kind === 'star') {
      star = p++;
      retry = c;
    } else if (token?.kind === 'one' && token.matches(characters[c] ?? '')) {
      p += 1;
      c += 1;
    } else if (star >= 0) {
      p = star + 1;
      c = ++retry;
    } else return false;
  }
  while (pattern[p]?.kind === 'star') p += 1;
  return p === pattern.length;
}

function tokensOf(part: string): Token[] {
  const tokens: Token[] = [];
  const characters = [...part];
  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at] ?? '';
    const close = character === '[' ? characters.indexOf(']', at + 2) : -1;
    if (character === '*') tokens.push({ kind: 'star' });
    else if (character === '?') tokens.push({ kind: 'one', matches: () => true });
    else if (close > 0) {
      tokens.push({ kind: 'one', matches: classOf(characters.slice(at + 1, close)) });
      at = close;
    } else {
      const literal = character === '\\' ? (characters[++at] ?? '\\') : character;
      tokens.push({ kind: 'one', matches: other => other === literal });
    }
  }
  return tokens;
}

function classOf(characters: string[]): (character: string) => boolean {
  const negated = characters[0] === '!' || characters[0] === '^';
  const members = negated ? characters.slice(1) : characters;
  const ranges: [string, string][] = [];
  for (let at = 0; at < members.length; at += 1) {
    const from = members[at] ?? '';
    const isRange = members[at + 1] === '-' && at + 2 < members.length;
    ranges.push([from, isRange ? (members[at + 2] ?? from) : from]);
    if (isRange) at += 2;
  }
  return character => ranges.some(([from, to]) => from <= character && character <= to) !== negated;
}

function expandBraces(glob: string): string[] {
  let expanded = [glob];
  for (;;) {
    const next = expanded.flatMap(expandFirst);
    if (next.length === expanded.length || next.length > alternativesMax) return expanded;
    expanded = next;
  }
}

/** The alternatives of the innermost braces that have a comma; the glob itself where it has none. */
function expandFirst(glob: string): string[] {
  const match = /^(.*?)\{([^{}]*,[^{}]*)\}(.*)$/s.exec(glob);
  if (!match) return [glob];
  const [, before = '', inside = '', after = ''] = match;
  return inside.split(',').map(alternative => before + alternative + after);
}
