/**
 * Which way imports run: a part's own files, and what its line names. A name is a file or a folder with all that is below
 * it; the longest name that fits a file is its part. Everything may import `node:` modules but the pure parts.
 */

export interface Rule {
  /** Parts of ours. */
  parts: readonly string[];
  packages: readonly string[];
  /** No clock, no file, no process: no `node:` module. */
  isPure?: boolean;
}

const nats = ['nats', '@nats-io/jetstream', '@nats-io/kv', '@nats-io/services'];

/** What the words about backups are made of. */
const words = ['src/core', 'src/domain'];
const everything = [
  ...words,
  'machines',
  'machines/generic',
  'src/runtime',
  'src/runtime/interfaces',
  'src/nats',
  'src/nats-server',
  'src/runner',
  'src/repository',
  'src/engines',
  'src/actors',
  'src/view',
  'src/telemetry',
  'src/cli',
  'src/boot',
];

export const rules: Readonly<Record<string, Rule>> = {
  'src/core': { parts: [], packages: [], isPure: true },
  'src/domain': { parts: ['src/core'], packages: ['zod', 'croner'] },
  'machines/generic': { parts: ['src/core'], packages: ['xstate'], isPure: true },
  machines: { parts: [...words, 'machines/generic'], packages: ['xstate'], isPure: true },
  'src/runtime/interfaces': { parts: ['src/core'], packages: [] },
  'src/runtime': { parts: ['src/core', 'src/runtime/interfaces', 'machines/generic'], packages: ['xstate'] },
  'src/nats': { parts: [...words, 'src/runtime/interfaces', 'src/repository/interfaces'], packages: nats },
  'src/runner': { parts: words, packages: [] },
  'src/nats-server': { parts: ['src/core', 'src/runner'], packages: [] },
  'src/repository': { parts: words, packages: [] },
  'src/engines': { parts: [...words, 'src/runner', 'src/repository'], packages: [] },
  'src/actors': {
    parts: everything.filter(part => !['src/view', 'src/telemetry', 'src/cli', 'src/boot'].includes(part)),
    packages: ['xstate', 'zod'],
  },
  'src/view': { parts: words, packages: ['@xstate/store'] },
  'src/telemetry': { parts: [...words, 'src/view', 'src/nats'], packages: ['pino'] },
  'src/cli': {
    parts: [...words, 'src/view', 'src/nats', 'src/repository', 'src/runner'],
    packages: ['commander', 'yaml'],
  },
  'src/boot': { parts: everything, packages: [] },
  'src/main.ts': { parts: everything, packages: [] },
  'src/index.ts': { parts: everything, packages: [] },
};

/** Files that are a part of their own among their neighbours. */
const named: Readonly<Record<string, readonly string[]>> = {
  'machines/generic': ['supervisor', 'agent', 'restart-window', 'event-time', 'hole'].map(
    name => `machines/${name}.ts`,
  ),
  'src/runtime/interfaces': ['record', 'record-store', 'mailboxes', 'membership', 'refusals'].map(
    name => `src/runtime/${name}.ts`,
  ),
};

/** The part that a file belongs to; undefined where no rule covers it. */
export function partOf(file: string): string | undefined {
  for (const [part, files] of Object.entries(named)) if (files.includes(file)) return part;
  const fitting = Object.keys(rules).filter(part => file === part || file.startsWith(`${part}/`));
  return fitting.sort((one, other) => other.length - one.length)[0];
}
