/** Content and choices for data sets, the same on every machine for the same seed. */
import { noise } from '../../engines/files/trees.ts';

/** As many words as make text that zstd brings down to a third. */
const wordCount = 1_024;
const wordBytesMax = 16;
const choicesAtOnce = 32_768;

/** Each call goes on where the one before ended, so the same calls in the same order give the same data. */
export class RandomData {
  readonly #seed: string;
  #draws = 0;
  #numbers: Buffer = Buffer.alloc(0);
  #numbersUsed = 0;
  #words: { bytes: Buffer; lengths: number[] } | undefined;

  constructor(seed: string) {
    this.#seed = seed;
  }

  /** At least 0, below 1. */
  fraction(): number {
    if (this.#numbersUsed === this.#numbers.length) {
      this.#numbers = this.noise(choicesAtOnce * 4);
      this.#numbersUsed = 0;
    }
    const number = this.#numbers.readUInt32LE(this.#numbersUsed);
    this.#numbersUsed += 4;
    return number / 2 ** 32;
  }

  /** An integer from `least` to `most`, both included, each as likely as another. */
  between(least: number, most: number): number {
    return least + Math.floor(this.fraction() * (most - least + 1));
  }

  /** An integer from `least` to `most`, where each doubling is as likely as another: many are small, few are large. */
  spread(least: number, most: number): number {
    return Math.min(most, Math.floor(least * (most / least) ** this.fraction()));
  }

  /** A byte of parts of these lengths, each byte as likely as another: in which part, and where in it. */
  place(lengths: readonly number[]): { part: number; offset: number } {
    let left = this.between(0, lengths.reduce((sum, length) => sum + length, 0) - 1);
    for (const [part, length] of lengths.entries()) {
      if (left < length) return { part, offset: left };
      left -= length;
    }
    throw new Error('there is no byte to choose');
  }

  /** Bytes that nothing compresses. */
  noise(length: number): Buffer {
    this.#draws += 1;
    return noise(length, `${this.#seed}/${this.#draws}`);
  }

  /** Words of a list, one after the other, which compress some 3:1. */
  text(length: number): Buffer {
    this.#words ??= this.#makeWords();
    const { bytes, lengths } = this.#words;
    const text = Buffer.allocUnsafe(length);
    let choices: Buffer = Buffer.alloc(0);
    for (let [at, used] = [0, 0]; at < length; used += 2) {
      if (used >= choices.length) [choices, used] = [this.noise(choicesAtOnce * 2), 0];
      const word = choices.readUInt16LE(used) % wordCount;
      const end = Math.min(length, at + (lengths[word] ?? 0));
      for (let from = word * wordBytesMax; at < end; at += 1, from += 1) text[at] = bytes[from] ?? 0;
    }
    return text;
  }

  #makeWords(): { bytes: Buffer; lengths: number[] } {
    const bytes = Buffer.alloc(wordCount * wordBytesMax);
    const letterOf = (letters: string) => letters[this.between(0, letters.length - 1)];
    const lengths = Array.from({ length: wordCount }, (_, word) => {
      let text = '';
      for (let syllable = this.between(1, 4); syllable > 0; syllable -= 1)
        text += `${letterOf('bcdfghklmnprstvw')}${letterOf('aeiou')}`;
      return bytes.write(`${text}${this.fraction() < 1 / 8 ? '.\n' : ' '}`, word * wordBytesMax);
    });
    return { bytes, lengths };
  }
}
