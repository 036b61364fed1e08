/** What the command line of the benchmark asks for. */
import { statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export const partNames = ['mixed', 'small', 'image', 'noise', 'files'] as const;
export type PartName = (typeof partNames)[number];

export interface Options {
  parts: PartName[];
  rounds: number;
  scale: number;
  isMillionWanted: boolean;
  /** The directory to make the scratch directory in. */
  scratchIn: string;
}

/** Throws an Error that names the option that is wrong. */
export function parseOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string', default: partNames.join(',') },
      rounds: { type: 'string', default: '3' },
      scale: { type: 'string', default: '1' },
      million: { type: 'boolean', default: false },
      scratch: { type: 'string', default: tmpdir() },
    },
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds ${values.rounds}: it takes 1 or more`);
  const scale = Number(values.scale);
  // More than the whole would not fit the bounds of time and disk.
  if (!(scale >= 0.01 && scale <= 1)) throw new Error(`--scale ${values.scale}: it takes 0.01 to 1`);
  const scratchIn = resolve(values.scratch);
  if (!statSync(scratchIn, { throwIfNoEntry: false })?.isDirectory())
    throw new Error(`--scratch ${values.scratch}: there is no such directory`);
  return { parts: partsOf(values.only), rounds, scale, isMillionWanted: values.million, scratchIn };
}

function partsOf(only: string): PartName[] {
  const names = only.split(',');
  const unknown = names.find(name => !partNames.includes(name as PartName));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: there are ${partNames.join(', ')}`);
  return partNames.filter(name => names.includes(name));
}
