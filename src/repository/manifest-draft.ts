/**
 * The body of a manifest that is not whole yet: `<draft>.body`, and beside it `<draft>.marks`, a line for each part of it
 * that was written: how many bytes it had by then, and their SHA-256. A later attempt of the run believes the body up to
 * the last mark that is right, and nothing behind it; so what is torn or lost of either costs time and nothing else.
 */
import { createHash } from 'node:crypto';
import { appendFileSync, createReadStream, readdirSync, readFileSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { constants, createZstdDecompress } from 'node:zlib';
import { fileMode } from './durable-file.ts';
import { lineBlocks, linesIn } from './line-blocks.ts';
import type { BodyLine } from './manifest-reader.ts';
import { type PlainFileLine, plainOrParsedLine } from './plain-file-line.ts';

/** A draft that a later attempt found, and keeps for the next one. */
const keptName = 'checkpoint';
const draftPattern = /^(manifest-[0-9a-f]+|checkpoint)\.marks$/;

/** Lets a body through as it is, and marks how far it has come. */
export function marking(draft: string): Transform {
  const hash = createHash('sha256');
  let bytes = 0;
  return new Transform({
    transform(part: Buffer, _, done) {
      hash.update(part);
      bytes += part.length;
      try {
        appendFileSync(`${draft}.marks`, `${bytes} ${hash.copy().digest('hex')}\n`, { mode: fileMode });
      } catch {
        // A disk without room for a mark will say so of the body.
      }
      done(null, part);
    },
  });
}

export async function removeDraft(draft: string): Promise<void> {
  await rm(`${draft}.marks`, { force: true });
  await rm(`${draft}.body`, { force: true });
}

/** The draft that came furthest of those in a run's directory, under a name that no writer of one has; the others go. */
export async function keepDraft(directory: string): Promise<{ names: string[]; bytes: number }> {
  let best = { draft: '', bytes: 0 };
  for (const name of readdirSync(directory).filter(each => draftPattern.test(each))) {
    const draft = join(directory, name.slice(0, -'.marks'.length));
    const bytes = await soundBytes(draft);
    if (bytes > best.bytes) best = { draft, bytes };
  }
  if (best.bytes === 0) return { names: [], bytes: 0 };
  const ends = ['body', 'marks'] as const;
  for (const end of ends) await rename(`${best.draft}.${end}`, join(directory, `${keptName}.${end}`));
  return { names: ends.map(end => `${keptName}.${end}`), bytes: best.bytes };
}

type Line = BodyLine | PlainFileLine;

/** The lines of the draft that is kept, many at once, up to the last that is whole in so many bytes of it. */
export async function* keptBlocks(directory: string, bytes: number): AsyncGenerator<Line[]> {
  const file = createReadStream(join(directory, `${keptName}.body`), { end: bytes - 1 });
  // The frame is not ended: what can be had of it is.
  const body = createZstdDecompress({ finishFlush: constants.ZSTD_e_continue });
  file.on('error', error => body.destroy(error));
  try {
    for await (const block of lineBlocks(file.pipe(body))) {
      const { lines, isLast } = soundLines(block);
      yield lines;
      if (isLast) return;
    }
  } catch {
    // What stands behind is read from the source.
  } finally {
    file.destroy();
    body.destroy();
  }
}

/** Those before the first that is none, or a footer. */
function soundLines(block: Buffer): { lines: Line[]; isLast: boolean } {
  const lines: Line[] = [];
  try {
    for (const [at, end] of linesIn(block)) {
      const line = plainOrParsedLine(block, at, end);
      if (line.type === 'footer') return { lines, isLast: true };
      lines.push(line);
    }
  } catch {
    return { lines, isLast: true };
  }
  return { lines, isLast: false };
}

/** How many bytes of a body are as its marks say. */
async function soundBytes(draft: string): Promise<number> {
  const hash = createHash('sha256');
  let [sound, read] = [0, 0];
  try {
    const marks = marksIn(readFileSync(`${draft}.marks`, 'latin1'));
    let mark = marks.next().value;
    for await (let part of createReadStream(`${draft}.body`) as AsyncIterable<Buffer>) {
      while (mark && mark.bytes <= read + part.length) {
        hash.update(part.subarray(0, mark.bytes - read));
        part = part.subarray(mark.bytes - read);
        read = mark.bytes;
        if (hash.copy().digest('hex') !== mark.sha256) return sound;
        sound = read;
        mark = marks.next().value;
      }
      hash.update(part);
      read += part.length;
    }
  } catch {
    // One of the two is gone, or cannot be read.
  }
  return sound;
}

/** Each further on than the one before. */
function* marksIn(text: string): Generator<{ bytes: number; sha256: string }, undefined> {
  let last = 0;
  for (const line of text.split('\n')) {
    const [, digits, sha256] = /^(\d{1,15}) ([0-9a-f]{64})$/.exec(line) ?? [];
    const bytes = Number(digits);
    if (sha256 === undefined || bytes <= last) return undefined;
    yield { bytes, sha256 };
    last = bytes;
  }
  return undefined;
}
