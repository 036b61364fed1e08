import { linkSync, lstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { HardLinks } from '../../../src/engines/files/hard-links.ts';

function twoNames(): string {
  const directory = mkdtempSync(join(tmpdir(), 'reeve-links-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  writeFileSync(join(directory, 'one'), 'content');
  linkSync(join(directory, 'one'), join(directory, 'other'));
  return directory;
}

const statOf = (...path: string[]) => lstatSync(join(...path), { bigint: true });

test('names of one file share a group, each once', () => {
  const directory = twoNames();
  const links = new HardLinks();
  expect(links.known(statOf(directory, 'one'))).toBeUndefined();
  const group = links.begin(statOf(directory, 'one'));
  expect(links.known(statOf(directory, 'other'))).toBe(group);
  // All its names came by, so nothing of it is remembered.
  expect(links.known(statOf(directory, 'other'))).toBeUndefined();
});

test('a file that was written to since its first name was read is not taken for the same', () => {
  const directory = twoNames();
  const links = new HardLinks();
  links.begin(statOf(directory, 'one'));
  writeFileSync(join(directory, 'other'), 'another content');
  expect(links.known(statOf(directory, 'other'))).toBeUndefined();
});

test('a file with one name has no group', () => {
  const directory = twoNames();
  rmSync(join(directory, 'other'));
  expect(new HardLinks().begin(statOf(directory, 'one'))).toBeUndefined();
});
