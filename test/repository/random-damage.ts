/** One damage of chance to one file of a repository, and the way back. */
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Dice } from '../support/dice.ts';

export const fileKinds = ['repository.json', 'pack', 'index', 'manifest', 'skipped', 'slot'] as const;
export const damageKinds = ['bit', 'cut', 'removal', 'swap', 'copy over', 'copy beside'] as const;
export type FileKind = (typeof fileKinds)[number];
export type DamageKind = (typeof damageKinds)[number];

/** The bytes of the files of a repository, by their path below it, and what kind each is. */
export class StoredFiles {
  readonly #root: string;
  readonly #kept: Map<string, Buffer>;

  constructor(root: string) {
    this.#root = root;
    const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
    const files = names.filter(name => kindOf(name) && statSync(join(root, name)).isFile());
    this.#kept = new Map(files.map(name => [name, readFileSync(join(root, name))]));
  }

  of(kind: FileKind): string[] {
    return [...this.#kept.keys()].filter(name => kindOf(name) === kind);
  }

  /** Damages a file; what was done, or undefined where it came to nothing. */
  damage(dice: Dice): { kind: DamageKind; file: FileKind; what: string } | undefined {
    const file = dice.pick(fileKinds);
    const name = dice.pick(this.of(file));
    const kind = dice.pick(damageKinds);
    const writes = this.#writes(kind, name, dice);
    if (!writes) return undefined;
    for (const [path, bytes] of writes) this.#put(path, bytes);
    const told = writes.map(([path, bytes]) => `${path}=${bytes?.length ?? 'none'}`);
    return { kind, file, what: `${kind} of ${name}: ${told.join(', ')}` };
  }

  /** Puts everything back. */
  restore(): void {
    for (const name of readdirSync(this.#root, { recursive: true, encoding: 'utf8' }))
      if (kindOf(name) && !this.#kept.has(name) && statSync(join(this.#root, name)).isFile())
        this.#put(name, undefined);
    for (const [name, bytes] of this.#kept) {
      const now = readOr(join(this.#root, name));
      if (!now?.equals(bytes)) this.#put(name, bytes);
    }
  }

  /** Which files get which bytes; undefined where nothing would be another than it was. */
  #writes(kind: DamageKind, name: string, dice: Dice): [string, Buffer | undefined][] | undefined {
    const bytes = this.#bytes(name);
    const kindred = this.of(kindOf(name) as FileKind).filter(each => each !== name);
    switch (kind) {
      case 'bit': {
        const turned = Buffer.from(bytes);
        const at = dice.below(bytes.length);
        turned[at] = (turned[at] as number) ^ (1 << dice.below(8));
        return [[name, turned]];
      }
      case 'cut':
        return [[name, bytes.subarray(0, dice.below(bytes.length))]];
      case 'removal':
        return [[name, undefined]];
      case 'swap':
      case 'copy over': {
        const others = kind === 'swap' && dice.chance(0.3) ? [...this.#kept.keys()] : kindred;
        if (others.length === 0) return undefined;
        const other = dice.pick(others);
        if (this.#bytes(other).equals(bytes)) return undefined;
        return kind === 'swap'
          ? [
              [name, this.#bytes(other)],
              [other, bytes],
            ]
          : [[other, bytes]];
      }
      case 'copy beside': {
        const beside = dice.chance(0.5) ? `${name}.copy` : likeName(name, dice);
        return beside === undefined || this.#kept.has(beside) || !kindOf(beside) ? undefined : [[beside, bytes]];
      }
    }
  }

  #bytes(name: string): Buffer {
    return this.#kept.get(name) as Buffer;
  }

  #put(name: string, bytes: Buffer | undefined): void {
    if (bytes === undefined) rmSync(join(this.#root, name));
    else writeFileSync(join(this.#root, name), bytes);
  }
}

function kindOf(name: string): FileKind | undefined {
  if (name === 'repository.json') return name;
  if (name.startsWith('packs/')) return 'pack';
  if (name.startsWith('index/')) return 'index';
  if (name.startsWith('slots/')) return 'slot';
  if (name.startsWith('manifests/')) return name.endsWith('.skipped') ? 'skipped' : 'manifest';
  return undefined;
}

/** A name as that of the file could be: another digit near its end. */
function likeName(name: string, dice: Dice): string | undefined {
  const at = name.replace('.skipped', '').length - 1 - dice.below(8);
  return `${name.slice(0, at)}${name[at] === 'a' ? 'b' : 'a'}${name.slice(at + 1)}`;
}

function readOr(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
