/** The files of a source tree with what they import, judged by the rules. */
import { readdir, readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { importsOf } from './import-list.ts';
import { partOf, rules } from './import-rules.ts';

/** Each file's text, by its path from the repository's root. */
export type Sources = ReadonlyMap<string, string>;

export async function readSources(root: string, folders: readonly string[]): Promise<Sources> {
  const sources = new Map<string, string>();
  for (const folder of folders)
    for (const name of await readdir(join(root, folder), { recursive: true }))
      if (name.endsWith('.ts')) sources.set(posix.join(folder, name), await readFile(join(root, folder, name), 'utf8'));
  return sources;
}

/** A sentence for each import that no rule allows. */
export function forbiddenImports(sources: Sources): string[] {
  const forbidden: string[] = [];
  for (const [file, source] of sources) {
    const part = partOf(file);
    const rule = part === undefined ? undefined : rules[part];
    if (!rule) {
      forbidden.push(`${file} is in no part that the rules name`);
      continue;
    }
    for (const { specifier } of importsOf(source)) {
      const wrong = specifier === undefined ? 'computes what it imports' : wrongWith(specifier, file, part, sources);
      if (wrong) forbidden.push(`${file} ${wrong}`);
    }
  }
  return forbidden;
}

function wrongWith(specifier: string, file: string, part: string | undefined, sources: Sources): string | undefined {
  const rule = rules[part ?? ''];
  if (specifier.startsWith('node:')) return rule?.isPure ? `is pure, and imports ${specifier}` : undefined;
  if (!specifier.startsWith('.'))
    return rule?.packages.includes(specifier) ? undefined : `imports the package ${specifier}`;
  const target = resolve(file, specifier);
  if (!sources.has(target)) return `imports ${target}, which is not there`;
  const other = partOf(target);
  return other === part || rule?.parts.includes(other ?? '') ? undefined : `imports ${target}`;
}

/** Each cycle once, as its files in order. Types count: two files that need each other's types are one idea. */
export function importCycles(sources: Sources): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const at = path.indexOf(file);
    if (at >= 0) cycles.push([...path.slice(at), file]);
    if (at >= 0 || done.has(file)) return;
    path.push(file);
    for (const { specifier } of importsOf(sources.get(file) ?? ''))
      if (specifier?.startsWith('.')) visit(resolve(file, specifier));
    path.pop();
    done.add(file);
  };
  for (const file of sources.keys()) visit(file);
  return cycles;
}

function resolve(file: string, specifier: string): string {
  return posix.join(posix.dirname(file), specifier);
}
