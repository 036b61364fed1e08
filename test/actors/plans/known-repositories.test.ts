/** What an agent knows of repositories that had backups, and what it makes of one that is not there. */
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { rememberRepository, requireRepository } from '../../../src/actors/plans/known-repositories.ts';
import { failureOf } from '../../../src/core/failure.ts';
import type { AgentConfig } from '../../../src/domain/agent-config.ts';
import type { CatalogEntry } from '../../../src/domain/catalog.ts';
import type { RunContext } from '../../../src/domain/run.ts';

const { signal } = new AbortController();

const types = [
  { type: 'files', engine: 'files', of: (path: string) => ({ path }) },
  { type: 'directory', engine: 'exec', of: (path: string) => ({ path }) },
  { type: 'vmbackup', engine: 'victoriametrics', of: (path: string) => ({ url: `fs://${path}` }) },
  { type: 'restic', engine: 'restic', of: (path: string) => ({ url: path }) },
];

describe.each(types)('a repository of the type $type', ({ type, engine, of }) => {
  function setUp() {
    const root = mkdtempSync(join(tmpdir(), 'reeve-known-'));
    onTestFinished(() => rmSync(root, { recursive: true }));
    const path = join(root, 'repository');
    mkdirSync(path);
    if (type === 'files') writeFileSync(join(path, 'repository.json'), '{}');
    if (type === 'restic') writeFileSync(join(path, 'config'), '');
    const data = join(root, 'data');
    const config = { name: 'here', data, repositories: { nas: { type, ...of(path) } } } as unknown as AgentConfig;
    const run = { document: { name: 'docs', engine: { type: engine }, repository: 'nas' } } as unknown as RunContext;
    const entries: CatalogEntry[] = [{ id: 'docs-1', repository: 'nas', deleting: false } as CatalogEntry];
    const parts = { config, catalog: { list: async () => entries } as never };
    const required = () =>
      requireRepository(run, parts, signal).then(
        () => undefined,
        (error: unknown) => failureOf(error),
      );
    return { path, data, entries, required, remember: () => rememberRepository(run, config) };
  }

  test('is asked for once it had a backup, by what shows that its disk is mounted', async () => {
    const { path, required, remember } = setUp();
    rmSync(path, { recursive: true });
    expect(await required()).toBeUndefined();
    mkdirSync(path);
    for (const name of ['repository.json', 'config']) writeFileSync(join(path, name), '');
    await remember();
    await remember();
    expect(await required()).toBeUndefined();
    renameSync(path, `${path}-away`);
    const away = { kind: 'permanent', code: 'repository-unreachable' };
    expect(await required()).toMatchObject(away);
    mkdirSync(path);
    mkdirSync(join(path, 'packs'));
    expect(await required()).toMatchObject(away);
    await remember(); // what was committed beside it is no sign of it
    expect(await required()).toMatchObject(away);
    rmSync(path, { recursive: true });
    renameSync(`${path}-away`, path);
    expect(await required()).toBeUndefined();
  });

  test('may be made anew once its backups are deleted, or the file that the hint names', async () => {
    const { path, data, entries, required, remember } = setUp();
    await remember();
    rmSync(path, { recursive: true });
    const failure = await required();
    expect(failure?.message).toBe(`the repository ${path} is not there, and the catalog has backups in it: 1`);
    const [mark = ''] = readdirSync(join(data, 'repositories'));
    expect(failure?.hint).toContain(join(data, 'repositories', mark));
    const [entry] = entries.splice(0);
    expect(await required()).toBeUndefined();
    entries.push({ ...(entry as CatalogEntry), deleting: true });
    expect(await required()).toBeUndefined();
    entries.push(entry as CatalogEntry);
    rmSync(join(data, 'repositories', mark));
    expect(await required()).toBeUndefined();
  });
});
