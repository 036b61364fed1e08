/** The adapter on a real restic, without an agent: what no tool has in common with another. */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { TransferOutput } from '../../../src/domain/run.ts';
import { type EngineStep, isStep } from '../../../src/engines/engine.ts';
import { resticEngine } from '../../../src/engines/restic/engine.ts';
import { stagingOf } from '../../../src/engines/restic/restore.ts';
import { forgetSnapshots, prune } from '../../../src/engines/restic/snapshots.ts';
import { describeWithTools } from '../../support/tools.ts';
import { withoutPowers } from '../../support/without-powers.ts';
import { describeTree, noise } from '../files/trees.ts';
import { TestRepository } from './repository.ts';
import { type RanStep, runStep, type ScopeWish, scopeFor } from './scopes.ts';

const { signal } = new AbortController();

describeWithTools('the adapter of restic', ['restic'], () => {
  let directory: string;
  let source: string;
  let repository: TestRepository;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'reeve-restic-'));
    source = join(directory, 'source');
    mkdirSync(join(source, 'deep'), { recursive: true });
    writeFileSync(join(source, 'one'), 'one');
    writeFileSync(join(source, 'deep', 'two'), 'two');
    repository = new TestRepository(directory);
    repository.make();
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const scope = (wish: Partial<ScopeWish> = {}) =>
    scopeFor({ directory, repository: repository.document, ...wish, engine: { path: source, ...wish.engine } });

  async function backUp(
    wish: Partial<ScopeWish> = {},
    under: readonly string[] = [],
  ): Promise<RanStep<TransferOutput>> {
    const asked = await scope(wish);
    await resticEngine.prepare?.(asked, signal);
    return await runStep(resticEngine.transfer(asked), under);
  }

  async function restoreStepOf(
    manifest: string,
    to: string,
    include: string[] = [],
  ): Promise<EngineStep<TransferOutput>> {
    const run = { restore: { backup: 'run-1', to, include } };
    return resticEngine.transfer(
      await scope({ id: 'restore-1', task: 'restore', run, backup: { manifest, bytes: 6, files: 2 } }),
    );
  }

  test('a backup makes its repository, names host and run, and tells no secret in its arguments', async () => {
    rmSync(repository.path, { recursive: true });
    writeFileSync(join(source, 'left.tmp'), '');
    const engine = { path: source, host: 'mailer', tags: ['mail'], exclude: ['*.tmp', 'tmp'] };
    const { output, argv } = await backUp({ engine });
    expect(output).toMatchObject({ outcome: 'completed', reason: null, result: { bytes: 6, files: 2 } });
    const [snapshot] = repository.snapshots();
    expect(snapshot).toMatchObject({ hostname: 'mailer', tags: ['reeve-run:run-1', 'mail'], paths: [source] });
    expect(output.result.manifest).toBe(snapshot?.id);
    expect(argv.join(' ')).not.toContain('correct horse');
    expect(argv.join(' ')).not.toContain(repository.passwordFile);
  });

  test('a local repository is not made where the directory above it is away', async () => {
    const url = join(directory, 'mount', 'repository');
    const asked = await scope({ repository: { ...repository.document, url } });
    await expect(resticEngine.prepare?.(asked, signal)).rejects.toMatchObject({
      failure: { code: 'repository-unreachable', kind: 'transient' },
    });
    expect(existsSync(join(directory, 'mount'))).toBe(false);
  });

  test('files that cannot be read make it partial, as far as the plan does not tolerate them', async ({ skip }) => {
    const under = withoutPowers();
    if (typeof under === 'string') return skip(under);
    writeFileSync(join(source, 'secret'), 'secret', { mode: 0o000 });
    const { output } = await backUp({}, under);
    expect(output).toMatchObject({ outcome: 'partial', reason: 'files-skipped', result: { files: 2 } });
    expect(output.skipped).toEqual({
      count: 1,
      first: [{ path: 'secret', why: 'unreadable', code: 'EACCES' }],
      path: null,
    });
    const tolerant = await backUp({ plan: { tolerate: { unreadable: 1 } } }, under);
    expect(tolerant.output).toMatchObject({ outcome: 'completed', skipped: { count: 1 } });
  });

  test('a path that is a link is followed, and a file is no source', async () => {
    const [link, file] = [join(directory, 'link'), join(source, 'one')];
    symlinkSync(source, link);
    writeFileSync(join(source, 'left.tmp'), '');
    const { output } = await backUp({ engine: { path: link, exclude: ['*.tmp'] } });
    expect(output).toMatchObject({ outcome: 'completed', result: { files: 2 } });
    await expect(backUp({ engine: { path: file } })).rejects.toMatchObject({ failure: { code: 'source-missing' } });
  });

  test('a source that shrank makes it partial', async () => {
    const { output } = await backUp({ previous: { files: 100, bytes: 6 } });
    expect(output).toMatchObject({ outcome: 'partial', reason: 'source-shrunk' });
  });

  test('a rotated password is refused once, and read by the next attempt', async () => {
    const right = readFileSync(repository.passwordFile, 'utf8');
    writeFileSync(repository.passwordFile, 'rotated elsewhere\n');
    const failure = { failure: { code: 'auth-failed', message: expect.not.stringContaining('rotated elsewhere') } };
    await expect(backUp()).rejects.toMatchObject(failure);
    writeFileSync(repository.passwordFile, right);
    expect((await backUp()).output).toMatchObject({ outcome: 'completed' });
  });

  test('a full disk of the repository is told as such, and is not worth another attempt', async ({ skip }) => {
    const disk = join(directory, 'disk');
    mkdirSync(disk);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk], { stdio: 'pipe' });
    } catch (error) {
      if (process.env.CI) throw error;
      return skip(`no small file system: ${String(error)}`);
    }
    try {
      const url = join(disk, 'repository');
      cpSync(repository.path, url, { recursive: true });
      writeFileSync(join(source, 'large'), noise(6_000_000, 'large'));
      const full = backUp({ repository: { ...repository.document, url } });
      await expect(full).rejects.toMatchObject({ failure: { code: 'repository-full', kind: 'permanent' } });
    } finally {
      execFileSync('umount', ['-l', disk]);
    }
  });

  test('proof is the snapshot under the tag of the run, which stays the only one, and a void run has none', async () => {
    const lost = (await backUp()).output.result.manifest as string;
    const { result } = (await backUp()).output;
    const of = async (run: object) => await scope({ run: { result, attempt: 2, ...run } });
    await expect(resticEngine.prove(await scope({ id: 'run-2', run: { result } }), signal)).rejects.toMatchObject({
      failure: { code: 'proof-missing' },
    });
    expect(await resticEngine.discard(await of({ slot: 'open' }), signal)).toHaveLength(1);
    expect(repository.snapshots().map(({ id }) => id)).toEqual([lost, result.manifest]);
    await resticEngine.prove(await of({}), signal);
    expect(await resticEngine.discard(await of({ slot: 'manifest' }), signal)).toEqual([]);
    expect(repository.snapshots().map(({ id }) => id)).toEqual([result.manifest]);
    expect(await resticEngine.discard(await of({ slot: 'void' }), signal)).toEqual([]);
    expect(repository.snapshots()).toEqual([]);
  });

  test('a snapshot that is forgotten is gone, and a prune removes what was in it alone', async () => {
    writeFileSync(join(source, 'large'), noise(500_000, 'large'));
    const first = (await backUp()).output.result.manifest as string;
    const bytes = () => repository.files('data').reduce((sum, file) => sum + readFileSync(file).length, 0);
    rmSync(join(source, 'large'));
    await backUp({ id: 'run-2' });
    await forgetSnapshots(await scope(), [first], signal);
    expect(repository.snapshots()).toHaveLength(1);
    expect(bytes()).toBeGreaterThan(500_000);
    await prune(await scope(), signal);
    expect(bytes()).toBeLessThan(100_000);
    await expect(forgetSnapshots(await scope(), ['latest'], signal)).rejects.toThrow('not ids');
  });

  test('a restore brings the contents of the path, or the part that is wanted', async () => {
    const tree = describeTree(source);
    const manifest = (await backUp()).output.result.manifest as string;
    const whole = await runStep(await restoreStepOf(manifest, join(directory, 'whole')));
    expect(whole.output).toMatchObject({ outcome: 'completed', result: { bytes: 6, files: 2 } });
    expect(whole.progress[0]).toMatchObject({ bytesTotal: 6, filesTotal: 2 });
    expect(describeTree(join(directory, 'whole'))).toEqual(tree);
    const [part, part2] = [join(directory, 'part'), join(directory, 'part-2')];
    rmSync(join(directory, 'data', 'runs', 'restore-1'), { recursive: true });
    expect((await runStep(await restoreStepOf(manifest, part, ['two']))).output.result.files).toBe(1);
    expect(readdirSync(part, { recursive: true }).sort()).toEqual(['deep', 'deep/two']);
    rmSync(join(directory, 'data', 'runs', 'restore-1'), { recursive: true });
    await runStep(await restoreStepOf(manifest, part2, ['reeve-*']));
    expect(readdirSync(part2)).toEqual([]);
  });

  test('a restore that was cut short is taken up, and one among other files is refused', async () => {
    const tree = describeTree(source);
    const manifest = (await backUp()).output.result.manifest as string;
    const to = join(directory, 'to');
    // Killed while restic wrote.
    mkdirSync(join(stagingOf(to, 'restore-1'), 'data', 'half'), { recursive: true });
    await runStep(await restoreStepOf(manifest, to));
    expect(describeTree(to)).toEqual(tree);
    // Killed while it moved: one entry is up, the other still below.
    const below = join(stagingOf(to, 'restore-1'), 'data', source);
    mkdirSync(below, { recursive: true });
    execFileSync('mv', [join(to, 'deep'), below]);
    await runStep(await restoreStepOf(manifest, to));
    expect(describeTree(to)).toEqual(tree);
    rmSync(join(directory, 'data', 'runs', 'restore-1'), { recursive: true });
    await expect(runStep(await restoreStepOf(manifest, to))).rejects.toMatchObject({
      failure: { code: 'target-not-empty' },
    });
    expect(describeTree(to)).toEqual(tree);
  });

  test('a check says what it found, and that a missing repository will be made', async () => {
    rmSync(repository.path, { recursive: true });
    const names = async (wish: Partial<ScopeWish>) =>
      Object.fromEntries((await resticEngine.check(await scope(wish), signal)).map(({ name, ok }) => [name, ok]));
    expect(await names({})).toEqual({ restic: true, login: true, source: true, repository: true, space: true });
    const away = { ...repository.document, url: 'rest:http://127.0.0.1:1/' };
    expect(await names({ repository: away, engine: { path: '/nothing' } })).toEqual({
      ...{ restic: true, login: false, source: false },
    });
    expect(existsSync(repository.path)).toBe(false);
  });

  test('a verify of a part of the data reads it and says so by its progress', async () => {
    const manifest = (await backUp()).output.result.manifest as string;
    const asked = await scope({
      task: 'verify',
      engine: { path: source, check: { readData: '50%' } },
      backup: { manifest },
    });
    const step = resticEngine.transfer(asked);
    expect(isStep(step)).toBe(true);
    const { argv, output, progress } = await runStep(step);
    expect(argv).toContain('--read-data-subset=50%');
    expect(output).toMatchObject({ outcome: 'completed' });
    expect(progress).not.toEqual([]);
    const gone = { ...asked, backup: async () => ({ manifest: '0'.repeat(64) }) as never };
    await expect(runStep(resticEngine.transfer(gone))).rejects.toMatchObject({ failure: { code: 'data-corrupt' } });
  });
});
