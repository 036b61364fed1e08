import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { openRepository, type Repository } from '../../src/repository/repository.ts';
import { checkRepository, type RepositoryCheckOptions } from '../../src/repository/repository-check.ts';
import { sealJson } from '../../src/repository/sealed-json.ts';
import { makeSample } from './sample-repository.ts';

let directory: string;
let repository: Repository;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'reeve-check-'));
  await makeSample(directory);
});
beforeEach(async () => {
  rmSync(join(directory, 'copy'), { recursive: true, force: true });
  cpSync(join(directory, 'repository'), join(directory, 'copy'), { recursive: true });
  repository = await openRepository(join(directory, 'copy'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const check = (options: Partial<RepositoryCheckOptions> = {}) =>
  checkRepository({ repository, data: 'all', signal: new AbortController().signal, ...options });
const inRepository = (name: string) => join(repository.path, name);

async function damagesAndBackups(options: Partial<RepositoryCheckOptions> = {}) {
  const { damages, backups } = await check(options);
  expect(damages.count).toBe(damages.first.length);
  return {
    damages: damages.first.map(({ what, name }) => `${what} ${name}`),
    damaged: backups.filter(backup => backup.damaged),
    ids: backups.filter(backup => backup.damaged).map(backup => backup.id),
    why: damages.first.map(({ why }) => why),
    hints: damages.first.map(({ hint }) => hint),
  };
}

/** Names below the repository, packs by way of their directories. */
function names(place: string): string[] {
  const found = readdirSync(inRepository(place)).map(name => `${place}/${name}`);
  return place === 'packs'
    ? found.flatMap(each => readdirSync(inRepository(each)).map(name => `${each}/${name}`))
    : found;
}

/** Turns a bit; `at` counts from the end where it is negative. */
function flip(name: string, at: number): void {
  const bytes = readFileSync(inRepository(name));
  const place = at < 0 ? bytes.length + at : at;
  bytes[place] = (bytes[place] as number) ^ 1;
  writeFileSync(inRepository(name), bytes);
}

function manifestOf(run: string): string {
  return `manifests/${JSON.parse(readFileSync(inRepository(`slots/${run}`), 'utf8')).manifest}`;
}

const only = (list: string[]): string => {
  if (list.length === 0) throw new Error('there is none');
  return list[0] as string;
};

describe('a sound repository', () => {
  test('has no damage, and its backups are named with their plans', async () => {
    const { packs, bytes, damages, backups } = await check();
    expect(damages).toEqual({ count: 0, first: [] });
    expect(backups.map(({ id, plan, damaged }) => [id, plan, damaged]).sort()).toEqual([
      ['mail-1', 'mail', false],
      ['photos-1', 'photos', false],
      ['photos-2', 'photos', false],
    ]);
    expect(packs).toBe(names('packs').length);
    expect(bytes).toBeGreaterThan(5_000_000);
  });

  test('may have packs that no backup needs, and manifests that a run is staging', async () => {
    rmSync(inRepository('slots/mail-1'));
    const sha256 = manifestOf('photos-1').slice('manifests/'.length);
    const mail = names('manifests').find(name => name.endsWith('.skipped')) ?? '';
    const staged = join(repository.path, 'tmp', 'mail-1', 'staged');
    mkdirSync(staged, { recursive: true });
    writeFileSync(join(staged, mail.slice('manifests/'.length, -'.skipped'.length)), '');
    expect((await check()).damages.first).toEqual([]);
    expect(sha256).toHaveLength(64);
  });

  test('has the data of all packs read, of a share, or of none', async () => {
    const read = async (data: RepositoryCheckOptions['data']) => {
      let bytes = 0;
      await check({ data, random: () => 0.5, onProgress: done => (bytes = done.bytes) });
      return bytes;
    };
    const [all, half, none] = [await read('all'), await read(50), await read('structure')];
    expect(none).toBe(0);
    expect(half).toBeGreaterThan(0);
    expect(half).toBeLessThan(all);
    expect(await read(100)).toBe(all);
  });

  test('may be checked while backups are made in it', async () => {
    const beside = mkdtempSync(join(tmpdir(), 'reeve-check-'));
    onTestFinished(() => rmSync(beside, { recursive: true, force: true }));
    let made = false;
    const making = makeSample(beside).finally(() => {
      made = true;
    });
    const seen = new Set<number>();
    while (!made) {
      await setImmediate();
      const opened = await openRepository(join(beside, 'repository')).catch(() => undefined);
      if (!opened) continue;
      const { damages, backups } = await check({ repository: opened });
      expect(damages.first).toEqual([]);
      expect(backups.filter(({ damaged }) => damaged)).toEqual([]);
      seen.add(backups.length);
    }
    await making;
    expect(seen.size).toBeGreaterThan(1);
  });

  test('stops with the reason of its signal', async () => {
    const stopping = new AbortController();
    const stopped = check({ signal: stopping.signal, onProgress: () => stopping.abort(new Error('enough')) });
    await expect(stopped).rejects.toThrow('enough');
  });
});

describe('a damaged repository', () => {
  test('tells repository.json when it is damaged after it was opened', async () => {
    flip('repository.json', 20);
    expect((await damagesAndBackups()).damages).toEqual(['repository repository.json']);
  });

  test.each([
    ['index', 'index/copy'],
    ['slots', 'slots/photos-1 (copy)'],
    ['manifests', 'manifests/note.txt'],
    ['packs', 'packs/lost'],
  ])('tells a file of unknown name in %s as a stranger', async (_, name) => {
    writeFileSync(inRepository(name), 'x');
    expect(await damagesAndBackups()).toMatchObject({ damages: [`stranger ${name}`], ids: [] });
  });

  test('tells an index file whose content is not that of its name, which touches no backup', async () => {
    const name = only(names('index'));
    flip(name, 50);
    const { damages, ids, hints } = await damagesAndBackups();
    expect(damages).toContain(`index ${name}`);
    expect(ids).toEqual([]);
    expect(hints[0]).toContain('the next backup');
  });

  test('tells that an index file is gone by the packs that backups need and no other has', async () => {
    rmSync(inRepository(only(names('index'))));
    const { damages, ids, hints } = await damagesAndBackups({ data: 'structure' });
    expect(damages).toEqual(['index index']);
    expect(ids).toEqual([]);
    expect(hints[0]).toContain('the next backup puts them into it again');
  });

  test.each([
    ['its head', 20],
    ['its table', -60],
    ['its end', -1],
  ])('tells a pack by %s, also without its data, and no backup while the index has it', async (_, at) => {
    const name = only(names('packs'));
    flip(name, at);
    expect(await damagesAndBackups({ data: 'structure' })).toMatchObject({ damages: [`pack ${name}`], ids: [] });
  });

  test('tells the frame of a pack that is damaged, and the files whose content stands in it', async () => {
    const bytesOf = (name: string) => readFileSync(inRepository(name)).length;
    const name = only(names('packs').sort((one, other) => bytesOf(other) - bytesOf(one)));
    flip(name, bytesOf(name) >> 1);
    const { damages, damaged, why } = await damagesAndBackups();
    expect(damages).toEqual([`pack ${name}`]);
    expect(why[0]).toMatch(/^its frame at \d+: its checksum is wrong/);
    expect(damaged.flatMap(backup => backup.files.first).length).toBeGreaterThan(0);
    expect((await damagesAndBackups({ data: 'structure' })).damages).toEqual([]);
  });

  test('tells a pack that is gone, by name, and counts a hard link with its file', async () => {
    const [first, ...others] = names('packs');
    for (const name of [first as string, ...others]) rmSync(inRepository(name));
    const { damages, damaged } = await damagesAndBackups();
    expect(damages.sort()).toEqual(
      names('packs')
        .concat([first as string, ...others].map(name => `pack ${name}`))
        .sort(),
    );
    expect(damaged.find(backup => backup.id === 'photos-1')?.files.count).toBe(23);
  });

  test('tells a pack that is cut short', async () => {
    const name = only(names('packs'));
    truncateSync(inRepository(name), 100);
    const { damages, why } = await damagesAndBackups();
    expect(damages).toEqual([`pack ${name}`]);
    expect(why[0]).toContain('it has 100 bytes');
  });

  test.each([
    ['flipped', () => flip('slots/photos-1', 30)],
    [
      'cut short by its last byte',
      () => truncateSync(inRepository('slots/photos-1'), readFileSync(inRepository('slots/photos-1')).length - 1),
    ],
    [
      'without its check',
      () => writeFileSync(inRepository('slots/photos-1'), '{"slot":"void","run":"photos-1","epoch":1,"at":"x"}\n'),
    ],
    ['that of another run', () => cpSync(inRepository('slots/photos-2'), inRepository('slots/photos-1'))],
  ])('tells a slot that is %s', async (_, damage) => {
    damage();
    expect(await damagesAndBackups()).toMatchObject({
      damages: ['slot slots/photos-1'],
      damaged: [{ id: 'photos-1', plan: 'photos', why: 'its slot is damaged', files: { count: 0, first: [] } }],
    });
  });

  test('tells a slot that is gone by its manifest', async () => {
    rmSync(inRepository('slots/mail-1'));
    expect(await damagesAndBackups()).toMatchObject({
      damages: ['slot slots/mail-1'],
      damaged: [{ id: 'mail-1', plan: 'mail', why: 'its slot is gone' }],
    });
  });

  test('tells a manifest that is damaged, gone, or of another run', async () => {
    const manifest = manifestOf('photos-1');
    flip(manifest, -10);
    expect(await damagesAndBackups()).toMatchObject({ damages: [`manifest ${manifest}`], ids: ['photos-1'] });
    rmSync(inRepository(manifest));
    expect(await damagesAndBackups()).toMatchObject({ damages: [`manifest ${manifest}`], ids: ['photos-1'] });
    const slot = {
      slot: 'manifest',
      run: 'photos-1',
      manifest: manifestOf('photos-2').slice(10),
      outcome: 'completed',
      at: 'x',
    };
    writeFileSync(inRepository('slots/photos-1'), sealJson(slot));
    expect((await damagesAndBackups()).why).toEqual(['it is of the run photos-2']);
  });

  test('tells a list of what was left out that is damaged or gone, and that the backup is whole', async () => {
    const name = names('manifests').find(each => each.endsWith('.skipped')) ?? '';
    flip(name, 3);
    const damaged = await damagesAndBackups();
    expect(damaged).toMatchObject({ damages: [`skipped-list ${name}`], ids: [] });
    expect(damaged.hints[0]).toContain('mail-1 can be restored');
    rmSync(inRepository(name));
    expect((await damagesAndBackups()).why).toEqual(['it is gone']);
    cpSync(join(directory, 'repository', name), inRepository(`${manifestOf('photos-1')}.skipped`));
    expect((await damagesAndBackups()).damages).toContain(`stranger ${manifestOf('photos-1')}.skipped`);
  });
});

describe('a check of one backup', () => {
  test('judges what that backup needs, and nothing else', async () => {
    const manifest = manifestOf('photos-1');
    flip(manifest, -10);
    expect(await damagesAndBackups({ backup: 'mail-1' })).toMatchObject({ damages: [], ids: [] });
    expect(await damagesAndBackups({ backup: 'photos-1' })).toMatchObject({ damages: [`manifest ${manifest}`] });
  });

  test('tells the packs that it needs and that are gone or cut short', async () => {
    const before = await check({ backup: 'mail-1' });
    for (const name of names('packs')) truncateSync(inRepository(name), 100);
    const after = await check({ backup: 'mail-1' });
    expect(after.damages.count).toBe(before.packs);
    expect(after.backups).toMatchObject([{ id: 'mail-1', damaged: true, files: { count: 8 } }]);
  });

  test('tells its slot when it is damaged or gone, and refuses a backup that is none', async () => {
    flip('slots/mail-1', 3);
    expect((await damagesAndBackups({ backup: 'mail-1' })).damages).toEqual(['slot slots/mail-1']);
    rmSync(inRepository('slots/mail-1'));
    expect((await damagesAndBackups({ backup: 'mail-1' })).damages).toEqual(['slot slots/mail-1']);
    await expect(check({ backup: 'mail-2' })).rejects.toMatchObject({ failure: { code: 'backup-missing' } });
  });
});
