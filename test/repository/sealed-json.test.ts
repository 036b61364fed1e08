import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openOrCreateRepository, openRepository } from '../../src/repository/repository.ts';
import { openSealedJson, sealJson } from '../../src/repository/sealed-json.ts';

const content = { slot: 'manifest', run: 'p-1', epoch: 7, at: '2026-01-02T03:04:05.678Z' };

test('sealed JSON gives back what was put into it, without the check', () => {
  const text = sealJson(content);
  expect(text).toMatch(/^\{"slot":"manifest",.*,"check":"[0-9a-f]{32}"\}\n$/);
  expect(openSealedJson(text)).toEqual(content);
});

test('no bit of it can turn, and no end be cut off, without its being refused', () => {
  const bytes = Buffer.from(sealJson(content));
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const turned = Buffer.from(bytes);
    turned[bit >> 3] = (turned[bit >> 3] as number) ^ (1 << (bit & 7));
    expect(() => openSealedJson(turned.toString('utf8')), `bit ${bit}`).toThrow();
  }
  for (let length = 0; length < bytes.length; length += 1)
    expect(() => openSealedJson(bytes.toString('utf8', 0, length)), `${length} bytes`).toThrow();
});

test.each([
  ['{', 'it is not JSON'],
  ['[]', 'it is not an object'],
  ['null', 'it is not an object'],
  ['{"run":"p-1"}', 'it has no check'],
  ['{"run":"p-1","check":7}', 'its check is wrong'],
  [sealJson(content).trimEnd(), 'its check is wrong'],
])('%j is refused: %s', (text, why) => {
  expect(() => openSealedJson(text)).toThrow(why);
});

test('a repository.json that is damaged is a clear failure, and not another format', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'reeve-sealed-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'repository');
  await openOrCreateRepository(path);
  const text = readFileSync(join(path, 'repository.json'), 'utf8');
  writeFileSync(join(path, 'repository.json'), text.replace('"format":2', '"format":3'));
  await expect(openRepository(path)).rejects.toMatchObject({
    failure: {
      code: 'repository-unreachable',
      message: expect.stringContaining('its repository.json is damaged: its check is wrong'),
      hint: 'put back that file from a copy of the repository',
    },
  });
  writeFileSync(join(path, 'repository.json'), sealJson({ format: 3, id: 'x' }));
  await expect(openRepository(path)).rejects.toThrow('it has format 3, this version knows 2');
});
