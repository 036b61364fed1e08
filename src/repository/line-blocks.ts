/** Cuts what is read of a text into blocks of whole lines: a line on its own costs more to hand on than to read. */

const lineBytesMax = 1024 * 1024;

/** What is wrong with a manifest's text, as against what the system said when it was read. */
export class LineError extends Error {
  override readonly name = 'LineError';

  /** `line` counts from 1. */
  constructor(said: unknown, line?: number) {
    const message = said instanceof Error ? said.message : String(said);
    super(line === undefined ? message : `line ${line}: ${message}`, { cause: said });
  }
}

/** Each block ends with the end of a line. Rejects where the last line is cut short, or one is too long. */
export async function* lineBlocks(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  for await (const part of body) {
    const end = part.lastIndexOf(0x0a) + 1;
    if (end > 0) {
      refuseLong(restBytes + part.indexOf(0x0a));
      yield restBytes === 0 ? part.subarray(0, end) : Buffer.concat([...rest, part.subarray(0, end)]);
      rest = [];
      restBytes = 0;
    }
    rest.push(part.subarray(end));
    restBytes += part.length - end;
    refuseLong(restBytes);
  }
  if (restBytes > 0) throw new LineError('its last line is cut short');
}

function refuseLong(bytes: number): void {
  if (bytes > lineBytesMax) throw new LineError(`a line is longer than ${lineBytesMax} bytes`);
}

/** Where each line of a block begins and ends, without its end. */
export function* linesIn(block: Buffer): Generator<[at: number, end: number]> {
  for (let at = 0; at < block.length; ) {
    const end = block.indexOf(0x0a, at);
    yield [at, end];
    at = end + 1;
  }
}
