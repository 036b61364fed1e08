import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { backUp } from '../../../src/engines/files/backup.ts';
import type { EngineResultOf } from '../../../src/engines/files/events.ts';
import { FileReader } from '../../../src/engines/files/file-reader.ts';
import type { JobOf } from '../../../src/engines/files/job.ts';
import { ReadCounters } from '../../../src/engines/files/read-messages.ts';
import { openSource } from '../../../src/engines/files/source.ts';
import { type WalkOptions, walkSource } from '../../../src/engines/files/source-walk.ts';
import { ProgressMeter } from '../../../src/engines/progress-meter.ts';
import { verdictOf } from '../../../src/engines/verdict.ts';
import { bytePathOfText } from '../../../src/repository/byte-path.ts';
import { backupJob, runJob, scratch } from './engine-process.ts';
import { describeTree, isRoot, noise } from './trees.ts';

const { signal } = new AbortController();

function newSource() {
  const directory = scratch(onTestFinished);
  const [source, repository] = [join(directory, 'source'), join(directory, 'repository')];
  mkdirSync(source);
  return { directory, source, repository };
}

/** Runs a backup as somebody who may not read everything. */
function asNobody(directory: string, job: JobOf<'backup'> | JobOf<'restore'>): EngineResultOf<'backup'> {
  const path = join(directory, 'nobody.json');
  writeFileSync(path, JSON.stringify(job));
  if (isRoot) {
    chmodSync(directory, 0o755);
    mkdirSync(job.repository, { recursive: true });
    execFileSync('chown', ['-R', '65534:65534', job.repository]);
  }
  const script = join(import.meta.dirname, 'as-nobody.ts');
  return JSON.parse(execFileSync(process.execPath, [script, path], { encoding: 'utf8' }));
}

describe('files that cannot be read', () => {
  test('make the backup partial, are listed, and the rest is in it', async () => {
    const { directory, source, repository } = newSource();
    writeFileSync(join(source, 'fine'), 'fine');
    writeFileSync(join(source, 'secret\x1b[31m'), 'secret', { mode: 0o000 });
    mkdirSync(join(source, 'closed'), { mode: 0o000 });
    const result = asNobody(directory, backupJob('p-1', source, repository));
    expect(result).toMatchObject({ outcome: 'partial', reason: 'files-skipped', files: 1 });
    expect(result.skipped.count).toBe(2);
    expect(result.skipped.first).toEqual([
      { path: 'closed', why: 'unreadable', code: 'EACCES' },
      { path: 'secret\\x1b[31m', why: 'unreadable', code: 'EACCES' },
    ]);
    const list = readFileSync(result.skipped.path ?? '', 'utf8')
      .trim()
      .split('\n');
    expect(list.map(line => JSON.parse(line))).toEqual(result.skipped.first);
    const { manifest } = result;
    await runJob(directory, { task: 'commit', run: 'p-1', repository, manifest, outcome: 'partial' });
    await runJob(directory, { task: 'restore', repository, backup: 'p-1', to: join(directory, 'out'), include: [] });
    expect(readdirSync(join(directory, 'out')).sort()).toEqual(['closed', 'fine']);
    chmodSync(join(source, 'closed'), 0o700);
  });

  test('are no harm where the plan tolerates or excludes them', () => {
    const { directory, source, repository } = newSource();
    writeFileSync(join(source, 'fine'), 'fine');
    writeFileSync(join(source, 'secret'), 'secret', { mode: 0o000 });
    const job = backupJob('p-1', source, repository);
    expect(asNobody(directory, { ...job, tolerate: { ...job.tolerate, unreadable: 1 } }).outcome).toBe('completed');
    const excluding = asNobody(directory, { ...job, run: 'p-2', source: { path: source, exclude: ['secret'] } });
    expect(excluding).toMatchObject({ outcome: 'completed', skipped: { count: 0, path: null } });
  });

  test('in their thousands are a count, twenty names and a file', () => {
    const { directory, source, repository } = newSource();
    for (let index = 0; index < 5_000; index += 1)
      writeFileSync(join(source, `${'long-name-'.repeat(20)}${index}`), '', { mode: 0o000 });
    const result = asNobody(directory, backupJob('p-1', source, repository));
    expect(result).toMatchObject({ outcome: 'partial', skipped: { count: 5_000 } });
    expect(result.skipped.first).toHaveLength(20);
    expect(JSON.stringify(result).length).toBeLessThan(16_000);
    expect(
      readFileSync(result.skipped.path ?? '', 'utf8')
        .trim()
        .split('\n'),
    ).toHaveLength(5_000);
  });
});

describe('a source that moves under the reader', () => {
  async function walkOptions(source: string, told: string[]): Promise<WalkOptions> {
    return {
      source: await openSource({ path: source }),
      exclude: [],
      oneFileSystem: false,
      isForbidden: () => false,
      signal,
      onSkipped: (path, why, code) => void told.push(`${path} ${why} ${code}`),
    };
  }

  test('loses files and directories between the look and the reading: they are told as vanished', async () => {
    const { source } = newSource();
    for (const name of ['a', 'b', 'd']) writeFileSync(join(source, name), name);
    mkdirSync(join(source, 'c'));
    const told: string[] = [];
    const found: string[] = [];
    for (const { path } of walkSource(await walkOptions(source, told))) {
      found.push(path);
      if (path === 'a') rmSync(join(source, 'b'));
      if (path === 'c') rmSync(join(source, 'c'), { recursive: true });
    }
    expect(found).toEqual(['', 'a', 'c', 'd']);
    expect(told).toEqual(['b vanished ENOENT', 'c vanished ENOENT']);
  });

  /** Reads a file of a source whose chunks go to `store`. */
  function reading(source: string, name: string, store: () => void) {
    const { dev, ino } = lstatSync(join(source, name), { bigint: true });
    const add = (_: Buffer) => {
      store();
      return { sha256: 'a'.repeat(64), isNew: true };
    };
    const root = bytePathOfText(source);
    const reader = new FileReader({ root, bytesPerSecond: 0 }, { add }, new ReadCounters());
    return () => reader.read({ path: bytePathOfText(name), dev, ino });
  }

  test('is read no further than the size it had, and what changed is said', async () => {
    const { source } = newSource();
    const path = join(source, 'log');
    writeFileSync(path, noise(5_000_000, 'log'));
    const read = await reading(source, 'log', () => appendFileSync(path, 'more'))();
    expect(read).toMatchObject({ changed: true, seen: null });
    // Three readings, some chunks each, four bytes a chunk.
    expect(read.size).toBeGreaterThan(5_000_000);
    expect(read.size).toBeLessThan(5_000_200);
  });

  test('that is cut short while it is read is stored as read', async () => {
    const { source } = newSource();
    const path = join(source, 'log');
    writeFileSync(path, noise(9_000_000, 'log'));
    let chunks = 0;
    const read = await reading(source, 'log', () => {
      chunks += 1;
      truncateSync(path, Math.max(0, 9_000_000 - chunks * 1_000));
    })();
    expect(read.changed).toBe(true);
    expect(read.size).toBe(read.content.reduce((sum, [bytes]) => sum + bytes, 0));
    expect(read.size).toBeLessThan(9_000_000);
  });

  test('puts another file, or a symlink, under a name: neither is read in its place', async () => {
    const { directory, source } = newSource();
    const path = join(source, 'file');
    writeFileSync(path, 'mine');
    const read = reading(source, 'file', () => {});
    writeFileSync(join(source, 'other'), 'other');
    renameSync(join(source, 'other'), path);
    await expect(read()).rejects.toMatchObject({ code: 'ENOENT' });
    rmSync(path);
    symlinkSync(join(directory, 'elsewhere'), path);
    await expect(read()).rejects.toMatchObject({ code: 'ELOOP' });
  });

  test('that changes at each of its readings is in the backup, and listed as changed', async () => {
    const { source, repository } = newSource();
    const path = join(source, 'log');
    writeFileSync(path, noise(12_000_000, 'log'));
    let writing = true;
    const write = () => {
      if (!writing) return;
      appendFileSync(path, 'x');
      setImmediate(write);
    };
    write();
    const meter = new ProgressMeter(() => {});
    const job = { ...backupJob('p-1', source, repository), tolerate: { vanished: 0, changed: 0, unreadable: 0 } };
    const result = await backUp(job, meter, signal).finally(() => {
      writing = false;
    });
    meter.end();
    expect(result).toMatchObject({ outcome: 'partial', reason: 'files-skipped', files: 1 });
    expect(result.skipped.first).toEqual([{ path: 'log', why: 'changed', code: '' }]);
  });
});

describe('what is never read', () => {
  test('is the repository, the directories of the agent, and what the plan excludes', async () => {
    const { directory, source } = newSource();
    const repository = join(source, 'repository');
    for (const name of ['agent', 'kept', 'kept/cache']) mkdirSync(join(source, name));
    for (const name of ['agent/data', 'kept/a.tmp', 'kept/a.txt', 'kept/cache/x', 'a.tmp'])
      writeFileSync(join(source, name), name);
    // By another name the agent's directory is still itself.
    symlinkSync(join(source, 'agent'), join(directory, 'alias'));
    const job = {
      ...backupJob('p-1', source, repository),
      source: { path: source, exclude: ['*.tmp', 'kept/cache'] },
      excludeDirs: [join(directory, 'alias'), join(directory, 'missing')],
    };
    const { manifest } = await runJob(directory, job);
    await runJob(directory, { task: 'commit', run: 'p-1', repository, manifest, outcome: 'completed' });
    await runJob(directory, { task: 'restore', repository, backup: 'p-1', to: join(directory, 'out'), include: [] });
    expect([...describeTree(join(directory, 'out')).keys()]).toEqual(['', 'kept', 'kept/a.txt']);
  });

  test('cannot be the source itself', async () => {
    const { source, repository } = newSource();
    const meter = new ProgressMeter(() => {});
    mkdirSync(repository);
    await expect(backUp(backupJob('p-1', repository, repository), meter, signal)).rejects.toMatchObject({
      failure: { code: 'source-forbidden' },
    });
    const job = { ...backupJob('p-1', join(source, 'below'), repository), excludeDirs: [source] };
    mkdirSync(join(source, 'below'));
    await expect(backUp(job, meter, signal)).rejects.toMatchObject({ failure: { code: 'source-forbidden' } });
    meter.end();
  });

  test('is no socket and no pipe: they are kept by name, and a restore says that it left them out', async () => {
    const { directory, source, repository } = newSource();
    execFileSync('mkfifo', [join(source, 'pipe')]);
    const server = createServer().listen(join(source, 'socket'));
    onTestFinished(() => void server.close());
    await new Promise(resolve => server.once('listening', resolve));
    const { manifest, outcome } = await runJob(directory, backupJob('p-1', source, repository));
    expect(outcome).toBe('completed');
    await runJob(directory, { task: 'commit', run: 'p-1', repository, manifest, outcome });
    const to = join(directory, 'out');
    const restored = await runJob(directory, { task: 'restore', repository, backup: 'p-1', to, include: [] });
    expect(restored.omitted).toEqual({ count: 2, first: ['pipe', 'socket'] });
  });
});

test('somebody who may not give files away gets their contents, and no setuid of his own', async () => {
  const { directory, source, repository } = newSource();
  writeFileSync(join(source, 'tool'), 'tool');
  chmodSync(join(source, 'tool'), 0o4755);
  mkdirSync(join(source, 'closed'));
  writeFileSync(join(source, 'closed', 'inside'), 'x');
  chmodSync(join(source, 'closed'), 0o555);
  if (isRoot) chownSync(join(source, 'tool'), 1234, 1234);
  const { manifest } = asNobody(directory, backupJob('p-1', source, repository));
  await runJob(directory, { task: 'commit', run: 'p-1', repository, manifest, outcome: 'completed' });
  const to = join(directory, 'for-nobody', 'out');
  mkdirSync(join(directory, 'for-nobody'), { mode: 0o777 });
  chmodSync(join(directory, 'for-nobody'), 0o777);
  asNobody(directory, { task: 'restore', repository, backup: 'p-1', to, include: [] });
  const restored = describeTree(to);
  expect(restored.get('tool')).toMatchObject({
    mode: isRoot ? 0o755 : 0o4755,
    content: describeTree(source).get('tool')?.content,
  });
  expect(restored.get('closed')?.mode).toBe(0o555);
  expect(restored.has('closed/inside')).toBe(true);
});

describe('the guard', () => {
  const plan = {
    ...backupJob('p-1', '/source', '/repository'),
    source: '/source',
    guard: { minFiles: 2, maxShrinkPercent: 50 },
  };
  const none = { vanished: 0, changed: 0, unreadable: 0 };

  test.each([
    ['too few files', { files: 1, bytes: 9 }, null, 'source-shrunk'],
    ['enough files, nothing before', { files: 2, bytes: 9 }, null, null],
    ['half of the files', { files: 50, bytes: 100 }, { files: 100, bytes: 100 }, null],
    ['fewer than half of the files', { files: 49, bytes: 100 }, { files: 100, bytes: 100 }, 'source-shrunk'],
    ['fewer than half of the bytes', { files: 100, bytes: 49 }, { files: 100, bytes: 100 }, 'source-shrunk'],
    ['more than before', { files: 200, bytes: 200 }, { files: 100, bytes: 100 }, null],
  ])('says of %s whether the source shrank', (_, found, previous, reason) => {
    expect(verdictOf({ ...plan, previous }, found, none).reason).toBe(reason);
  });

  test('makes an empty source partial, not complete', async () => {
    const { directory, source, repository } = newSource();
    const job = { ...backupJob('p-1', source, repository), guard: { minFiles: 1, maxShrinkPercent: 50 } };
    const result = await runJob(directory, job);
    expect(result).toMatchObject({ outcome: 'partial', reason: 'source-shrunk', files: 0 });
  });
});

test('a path is walked in the order of its bytes, so that names that are no text keep their place', async () => {
  const { source } = newSource();
  const names = ['b', 'a', 'a.b', 'ä', 'Z'].map(bytePathOfText);
  for (const name of names) writeFileSync(Buffer.concat([Buffer.from(`${source}/`), Buffer.from(name, 'latin1')]), '');
  expect([...describeTree(source).keys()].slice(1)).toEqual([...names].sort());
});
