/** What the adapters answer to `reeve check`, before the night in which a run would find out. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { EngineScope } from '../../src/engines/engine.ts';
import { execEngine } from '../../src/engines/exec/engine.ts';
import { rcloneEngine } from '../../src/engines/rclone/engine.ts';
import { describeWithTools } from '../support/tools.ts';

const { signal } = new AbortController();

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'reeve-checks-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function scopeOf(engine: object, repository: object, exec: object = {}): EngineScope {
  const run = { id: 'r-1', plan: 'p', document: { name: 'p', engine } };
  return { run, key: 'r-1:1', repository: { minFreeBytes: 0, ...repository }, config: { name: 'here', exec } } as never;
}

const failed = async (checks: Promise<{ name: string; ok: boolean; message: string }[]>) =>
  (await checks).filter(({ ok }) => !ok).map(({ name, message }) => `${name}: ${message}`);

test('a command that is there passes, and one that is not, or takes no such value, is told', async () => {
  const repository = { type: 'directory', path: directory() };
  const exec = {
    there: { backup: ['/bin/sh', '{output}'], params: { word: '[a-z]+' } },
    gone: { backup: ['/no/such', '{output}'] },
  };
  const check = (use: string, params: object = {}) =>
    failed(execEngine.check(scopeOf({ type: 'exec', use, params }, repository, exec), signal));
  expect(await check('there', { word: 'abc' })).toEqual([]);
  expect(await check('there', { word: 'ABC' })).toEqual([expect.stringContaining('does not match')]);
  expect(await check('gone')).toEqual([expect.stringContaining('command: ')]);
  expect(await check('other')).toEqual([expect.stringContaining('agent here has no exec other')]);
});

describeWithTools('the check of rclone', ['rclone'], () => {
  test('asks the remote, and has no need of a directory that the first backup makes', async () => {
    const place = directory();
    const configFile = join(place, 'rclone.conf');
    writeFileSync(configFile, '');
    const check = (remote: string) =>
      failed(
        rcloneEngine.check(scopeOf({ type: 'rclone', path: place }, { type: 'rclone', remote, configFile }), signal),
      );
    expect(await check(join(place, 'box'))).toEqual([]);
    expect(await check('nobody:x')).toEqual([expect.stringMatching(/^remote: .*didn't find section in config file/)]);
  });
});
