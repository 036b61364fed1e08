/**
 * Small JSON files that can be told from what a damaged disk makes of them. Such a file is one line: the content as
 * `JSON.stringify` writes it, with `check` as its last field, the first 32 hexadecimal digits of the SHA-256 of the
 * content's JSON without it. A file that is not so to the byte is damaged.
 */
import { hash } from 'node:crypto';

const checkDigits = 32;

/** The text of a file that holds `content`, which has no `check` of its own. */
export function sealJson(content: object): string {
  const check = hash('sha256', JSON.stringify(content), 'hex').slice(0, checkDigits);
  return `${JSON.stringify({ ...content, check })}\n`;
}

/** The content, without `check`. Throws an Error that says what is wrong with the text. */
export function openSealedJson(text: string): Record<string, unknown> {
  const json = jsonOf(text);
  if (json === undefined) throw new Error('it is not JSON');
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new Error('it is not an object');
  const { check, ...content } = json as Record<string, unknown>;
  if (check === undefined) throw new Error('it has no check');
  if (sealJson(content) !== text) throw new Error('its check is wrong');
  return content;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
