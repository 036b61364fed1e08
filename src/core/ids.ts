/** Ids and names, as the wire fixes them. */

const idPattern = /^[A-Za-z0-9_-]{1,64}$/;
const namePattern = /^[a-z0-9](-?[a-z0-9])*$/;

/** Longest name of a plan, stream, schedule or agent, in characters. */
export const nameLengthMax = 30;

/** True for what may stand as an actor's id (also the token of its subjects and keys). */
export function isId(value: string): boolean {
  return idPattern.test(value);
}

/** True for what may name a plan, stream, schedule or agent: lower case, single dashes inside, at most 30 characters. */
export function isName(value: string): boolean {
  return value.length <= nameLengthMax && namePattern.test(value);
}
