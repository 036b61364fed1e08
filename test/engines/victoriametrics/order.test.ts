/** How vmbackup is started: the store's keys by file or environment, and no more bytes than its share. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { AgentConfig } from '../../../src/domain/agent-config.ts';
import type { Plan } from '../../../src/domain/plan.ts';
import type { EngineScope } from '../../../src/engines/engine.ts';
import { victoriaMetricsEngine } from '../../../src/engines/victoriametrics/engine.ts';
import { orderOf } from '../../../src/engines/victoriametrics/order.ts';

function scopeOf(engine: object, repository: object, limits: object = {}): EngineScope {
  return {
    run: { id: 'r-1', document: { engine: { type: 'victoriametrics', ...engine } } },
    repository: { type: 'vmbackup', url: 's3://bucket/x', ...repository },
    config: { limits: { bytesPerSecond: null, runs: 4, ...limits } },
  } as unknown as EngineScope;
}

test('keys come from files: none is in an argument', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'reeve-order-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const envFile = join(directory, 'env');
  writeFileSync(envFile, '# keys\nAWS_ACCESS_KEY_ID=me\n\nAWS_SECRET_ACCESS_KEY = a=b\ncustomS3Endpoint=http://s3\n');
  const { args, env } = await orderOf(scopeOf({}, { envFile, credentialsFile: '/etc/keys' }), 'backup', ['-dst=x']);
  expect(env).toEqual({ AWS_ACCESS_KEY_ID: 'me', AWS_SECRET_ACCESS_KEY: 'a=b', customS3Endpoint: 'http://s3' });
  expect(args).toEqual(expect.arrayContaining(['-dst=x', '-credsFilePath=/etc/keys', '-envflag.enable']));
  expect(args.join(' ')).not.toContain('a=b');
});

test('an envFile that cannot be read is told as auth-failed', async () => {
  await expect(orderOf(scopeOf({}, { envFile: '/nowhere/env' }), 'backup', [])).rejects.toMatchObject({
    failure: { code: 'auth-failed' },
  });
});

test('its rate is the least of the plan’s and its share of the agent’s', async () => {
  const rate = async (engine: object, limits: object) =>
    (await orderOf(scopeOf(engine, {}, limits), 'backup', [])).args.find(arg => arg.startsWith('-maxBytesPerSecond'));
  expect(await rate({}, {})).toBeUndefined();
  expect(await rate({ bytesPerSecond: '1MiB' }, { bytesPerSecond: 400 })).toBe('-maxBytesPerSecond=100');
  expect(await rate({ bytesPerSecond: '1KiB' }, { bytesPerSecond: 2 ** 20 })).toBe('-maxBytesPerSecond=1024');
});

test('a retention is refused where the backups lie in a store that they cannot be removed from', () => {
  const plan = { retention: { keepLast: 1 }, repository: 'store' } as unknown as Plan;
  const check = (url: string) =>
    victoriaMetricsEngine.checkPlan?.(plan, {
      repositories: { store: { type: 'vmbackup', url } },
    } as unknown as AgentConfig);
  expect(() => check('s3://bucket/vm')).toThrow('backups at s3://bucket/vm cannot be removed');
  expect(() => check('fs:///backup/vm')).not.toThrow();
});
