/** restic under the contract of engines. */
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { engineContract } from '../contract.ts';
import { describeTree, makeOddTree, noise } from '../files/trees.ts';
import { TestRepository } from './repository.ts';

engineContract({
  name: 'restic',
  tools: ['restic'],
  open: directory => {
    const source = join(directory, 'source');
    const repository = new TestRepository(directory);
    repository.make();
    const wrongPassword = join(directory, 'wrong-password');
    writeFileSync(wrongPassword, 'battery staple\n');
    const away = { ...repository.document, url: 'rest:http://127.0.0.1:1/away/' };
    const engine = { type: 'restic', path: source, tags: ['contract'], check: { readData: '100%' } };
    let grown = 0;
    return {
      agent: {
        repositories: {
          main: repository.document,
          wrong: { ...repository.document, passwordFile: wrongPassword },
          away,
        },
      },
      plan: { engine, repository: 'main' },
      makeSource: () => {
        mkdirSync(source);
        makeOddTree(source, 100_000);
        // Before 0.17 the target of a link comes back with what is not UTF-8 replaced; the holes only take time.
        for (const name of ['to-odd-bytes', 'sparse', 'all-hole']) rmSync(join(source, name));
      },
      changeSource: () => writeFileSync(join(source, 'plain'), 'other content\n'),
      growSource: () => {
        grown += 1;
        writeFileSync(join(source, 'grown'), noise(24_000_000, `grown ${grown}`));
      },
      describeSource: () => describeTree(source),
      describeRestored: describeTree,
      isEngine: ({ command }) => basename(command[0] ?? '') === 'restic',
      leftovers: runs => {
        const expected = new Set(runs.map(run => `reeve-run:${run}`));
        const strange = repository.snapshots().filter(({ tags }) => !tags.some(tag => expected.has(tag)));
        return [
          ...strange.map(({ id, tags }) => `snapshot ${id} of ${tags.join()}`),
          ...repository.files('locks'),
          ...repository.files('data').filter(name => name.includes('-tmp-')),
        ];
      },
      wrongCredentials: { engine, repository: 'wrong' },
      sourceMissing: { engine: { ...engine, path: join(directory, 'nothing') }, repository: 'main' },
      unreachable: { engine, repository: 'away' },
      damage: () => {
        for (const file of repository.files('data')) {
          const content = readFileSync(file);
          content[100] = (content[100] ?? 0) ^ 1;
          chmodSync(file, 0o600);
          writeFileSync(file, content);
        }
      },
    };
  },
});
