/**
 * What a TypeScript file imports, read by hand: static imports and re-exports, types among them, dynamic imports and
 * import types. Comments, strings, templates and regular expressions are passed over, so nothing in them counts.
 */

export interface Import {
  /** As it is written; undefined where a dynamic import computes it, which nobody can check. */
  specifier: string | undefined;
  /** It vanishes when types are stripped. */
  isType: boolean;
}

/** Every import of a source text, in order. */
export function importsOf(source: string): Import[] {
  const tokens = tokensOf(source);
  const imports: Import[] = [];
  for (const [at, token] of tokens.entries()) {
    if (token.text !== 'import' && token.text !== 'export') continue;
    if (tokens[at - 1]?.text === '.' || tokens[at + 1]?.text === '.') continue; // a member of that name; import.meta
    const found = token.text === 'import' ? afterImport(tokens, at) : afterExport(tokens, at);
    if (found) imports.push(found);
  }
  return imports;
}

interface Token {
  /** A word or a sign; the empty text for a string, whose content is `value`. */
  text: string;
  value?: string;
}

function afterImport(tokens: Token[], at: number): Import | undefined {
  const next = tokens[at + 1];
  if (next?.value !== undefined) return { specifier: next.value, isType: false };
  if (next?.text === '(') {
    const isWhole = tokens[at + 3]?.text === ')' || tokens[at + 3]?.text === ',';
    return { specifier: isWhole ? tokens[at + 2]?.value : undefined, isType: tokens[at - 1]?.text === 'typeof' };
  }
  return untilFrom(tokens, at);
}

function afterExport(tokens: Token[], at: number): Import | undefined {
  const next = tokens[at + 1]?.text === 'type' ? tokens[at + 2] : tokens[at + 1];
  return next?.text === '{' || next?.text === '*' ? untilFrom(tokens, at) : undefined;
}

/** The string after `from`, if that comes before anything that cannot stand between. */
function untilFrom(tokens: Token[], at: number): Import | undefined {
  for (let seen = at + 1; seen < tokens.length; seen++) {
    const token = tokens[seen];
    const value = tokens[seen + 1]?.value;
    if (token?.text === 'from' && value !== undefined)
      return { specifier: value, isType: tokens[at + 1]?.text === 'type' };
    if (token?.text === ';' || token?.text === '=' || token?.text === '(') return undefined;
  }
  return undefined;
}

const pieces =
  /(?<skip>\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/)|(?<word>[\p{ID_Start}$_#][\p{ID_Continue}$]*|\d[\w.]*)|(?<string>'(?:[^'\\\n]|\\[\s\S])*'|"(?:[^"\\\n]|\\[\s\S])*")|(?<sign>[\s\S])/uy;
const regularExpression = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/uy;

function tokensOf(source: string): Token[] {
  const tokens: Token[] = [];
  /** For each open template, how many braces are open in its expression. */
  const braces: number[] = [];
  let at = 0;
  while (at < source.length) {
    pieces.lastIndex = at;
    const { skip, word, string, sign } = pieces.exec(source)?.groups ?? {};
    at = pieces.lastIndex;
    if (skip !== undefined) continue;
    if (word !== undefined) tokens.push({ text: word });
    else if (string !== undefined) tokens.push({ text: '', value: string.slice(1, -1) });
    else if (sign === '/' && canBeExpression(tokens.at(-1))) at = endOfExpression(source, at - 1);
    else if (sign === '`') at = endOfTemplatePart(source, at, braces);
    else if (sign === '}' && braces.at(-1) === 0) {
      braces.pop();
      at = endOfTemplatePart(source, at, braces);
    } else {
      if (braces.length > 0) braces.push((braces.pop() ?? 0) + (sign === '{' ? 1 : sign === '}' ? -1 : 0));
      tokens.push({ text: sign ?? '' });
    }
  }
  return tokens;
}

/** After a value a slash divides; elsewhere it opens a regular expression. */
function canBeExpression(before: Token | undefined): boolean {
  if (before === undefined) return true;
  if (before.value !== undefined || before.text === ')' || before.text === ']' || before.text === '}') return false;
  return !/^[\p{ID_Continue}$#]/u.test(before.text) || /^(return|typeof|case|in|of|void|await)$/.test(before.text);
}

function endOfExpression(source: string, at: number): number {
  regularExpression.lastIndex = at;
  return regularExpression.test(source) ? regularExpression.lastIndex : at + 1;
}

/** From within a template's text to its end, or into its next expression. */
function endOfTemplatePart(source: string, from: number, braces: number[]): number {
  for (let at = from; at < source.length; at++) {
    if (source[at] === '\\') at += 1;
    else if (source[at] === '`') return at + 1;
    else if (source[at] === '$' && source[at + 1] === '{') {
      braces.push(0);
      return at + 2;
    }
  }
  return source.length;
}
