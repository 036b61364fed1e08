/**
 * `npm run bench:files`: the engine `files` beside restic and `cp -r`, on the same data in the same run. It ends with 0 also
 * where a target is missed: the table says so. Where a part fails, or its peers are missing, it ends with 1.
 */
import { spawnSync } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import process from 'node:process';
import type { Row } from '../measure.ts';
import { tableOf } from '../table.ts';
import { backupRows } from './backup-rows.ts';
import type { Bench, Findings } from './comparison.ts';
import { copyRows } from './copy-rows.ts';
import { makeSmallFiles } from './even-trees.ts';
import { gnuTime } from './measured-process.ts';
import { memoryRows } from './memory-rows.ts';
import { makeMixedTree } from './mixed-tree.ts';
import { type Options, type PartName, parseOptions } from './options.ts';
import { withScratch } from './scratch.ts';
import { makeSparseImage } from './sparse-image.ts';

const parts: Record<PartName, (bench: Bench) => Promise<Findings>> = {
  mixed: bench => backupRows(bench, 'mixed', makeMixedTree),
  small: bench => backupRows(bench, 'small', makeSmallFiles),
  image: bench => backupRows(bench, 'image', makeSparseImage),
  noise: copyRows,
  files: memoryRows,
};
/** The most that lies on disk at once: an image, two repositories of it and what restic restores, which has no holes. */
const scratchBytesMax = 15 * 2 ** 30;

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function refuse(message: string, status: number): never {
  say(message);
  process.exit(status);
}

/** The first line that a program says of its version; undefined where it is not there. */
function versionOf(program: string, flag: string): string | undefined {
  const { status, stdout, stderr } = spawnSync(program, [flag], { encoding: 'utf8' });
  return status === 0 ? `${stdout}${stderr}`.split('\n')[0] : undefined;
}

function optionsOrRefusal(): Options {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error), 2);
  }
}

/** The rows of each part; a part that fails leaves one that is missed, and the others go on. */
async function measureParts(names: readonly PartName[], options: Omit<Bench, 'scratch'>, scratchIn: string) {
  const [data, rows]: [string[], Row[]] = [[], []];
  for (const name of names)
    try {
      const found = await withScratch(scratchIn, scratch => parts[name]({ ...options, scratch }));
      data.push(found.data);
      rows.push(...found.rows);
    } catch (error) {
      say(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      rows.push({ figure: name, value: 'it failed', anchor: '', ratio: '', target: '', met: false });
      process.exitCode = 1;
    }
  return { data, rows };
}

const { parts: names, scratchIn, ...options } = optionsOrRefusal();
const [restic, time, cp] = [
  versionOf('restic', 'version'),
  versionOf(gnuTime, '--version'),
  versionOf('cp', '--version'),
];
if (!restic || !time)
  refuse('PEERS ARE MISSING: this benchmark needs restic and GNU time: apt-get install restic time', 1);
const { bavail, bsize } = statfsSync(scratchIn);
if (bavail * bsize < scratchBytesMax * options.scale)
  refuse(`${scratchIn} has ${Math.round((bavail * bsize) / 2 ** 30)} GiB free: name a larger one by --scratch DIR`, 1);

// What else the machine does disturbs both, but the one that uses more cores suffers more.
const [load = 0] = loadavg();
const { data, rows } = await measureParts(names, { ...options, say }, scratchIn);
const fileSystem = spawnSync('stat', ['-f', '-c', '%T', scratchIn], { encoding: 'utf8' }).stdout.trim();
process.stdout.write(
  `${cpus().length} x ${cpus()[0]?.model ?? 'cpu'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${fileSystem}, ` +
    `Node ${process.version}, ${restic}, ${cp}; page cache warm, load ${load.toFixed(1)} before, ` +
    `medians of ${options.rounds}, scale ${options.scale}\n\n` +
    `${data.map(line => `- ${line}`).join('\n')}\n\n${tableOf(rows)}\n`,
);
