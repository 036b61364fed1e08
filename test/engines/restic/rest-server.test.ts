/** A repository behind HTTP with a login: what is not there, what refuses, what is away, and that no secret is told. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { resticEngine } from '../../../src/engines/restic/engine.ts';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/free-port.ts';
import { describeWithTools } from '../../support/tools.ts';
import { TestRepository } from './repository.ts';
import { runStep, scopeFor } from './scopes.ts';

const { signal } = new AbortController();

describeWithTools('a restic repository behind HTTP', ['restic', 'rclone'], () => {
  let directory: string;
  let server: ChildProcess;
  let port: number;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'reeve-restic-rest-'));
    mkdirSync(join(directory, 'source'));
    writeFileSync(join(directory, 'source', 'one'), 'one');
    port = await freePort();
    const login = ['--user', 'bob', '--pass', 'hunter2'];
    const args = ['serve', 'restic', '--addr', `127.0.0.1:${port}`, ...login, join(directory, 'served')];
    server = spawn('rclone', args, { env: { PATH: process.env.PATH, HOME: directory }, stdio: 'ignore' });
    await eventually('a server that answers', () => answers(port), 20_000);
  });
  afterAll(() => {
    server?.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  });

  const scope = (login: string) => {
    const url = `rest:http://${login}@127.0.0.1:${port}/place/`;
    const repository = { ...new TestRepository(directory).document, url };
    return scopeFor({ directory, repository, engine: { path: join(directory, 'source') } });
  };

  test('is made where it is missing, and holds what is backed up', async () => {
    const asked = await scope('bob:hunter2');
    await resticEngine.prepare?.(asked, signal);
    const { argv, output } = await runStep(resticEngine.transfer(asked));
    expect(output).toMatchObject({ outcome: 'completed', result: { files: 1 } });
    expect(argv.join(' ')).not.toContain('hunter2');
    const run = { ...asked.run, result: output.result };
    await resticEngine.prove({ ...asked, run }, signal);
    expect(await resticEngine.discard({ ...asked, run: { ...run, slot: 'void' } }, signal)).toEqual([]);
    await expect(resticEngine.prove({ ...asked, run }, signal)).rejects.toMatchObject({
      failure: { code: 'proof-missing' },
    });
  });

  test('that refuses the login is told as auth-failed', async () => {
    await expect(resticEngine.prepare?.(await scope('bob:guess'), signal)).rejects.toMatchObject({
      failure: { code: 'auth-failed', message: expect.not.stringMatching(/bob|guess/) },
    });
  });

  test('that is away is told as unreachable, which may pass', async () => {
    server.kill('SIGKILL');
    await once(server, 'exit');
    await expect(resticEngine.prepare?.(await scope('bob:hunter2'), signal)).rejects.toMatchObject({
      failure: { code: 'repository-unreachable', kind: 'transient', message: expect.not.stringMatching(/bob|hunter2/) },
    });
  });
});

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  return await once(socket, 'connect')
    .then(
      () => true,
      () => false,
    )
    .finally(() => socket.destroy());
}
