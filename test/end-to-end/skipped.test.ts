/** A source with very many files that may not be read. */
import { createReadStream, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { withoutPowers } from '../support/without-powers.ts';
import { World } from '../support/world.ts';

const files = 100_000;

test('100,000 files that cannot be read make a run partial, with a record under 32 kB and the whole list beside the manifest', async ({
  skip,
}) => {
  const under = withoutPowers();
  if (typeof under === 'string') return skip(under);
  const world = await World.open();
  onTestFinished(() => world.close());
  writeFileSync(join(world.source, 'readable'), 'readable');
  // The first names are as long as a name may be, and four times as long when they are escaped.
  for (let index = 0; index < 30; index += 1)
    writeFileSync(join(world.source, `\u0001${'\u0007'.repeat(230)}${index}`), '', { mode: 0 });
  mkdirSync(join(world.source, 'many'));
  for (let index = 30; index < files; index += 1)
    writeFileSync(join(world.source, 'many', `${index}`), '', { mode: 0 });

  const agent = await world.runAgent({ under });
  await world.plan('docs');
  const id = await world.start('docs');
  const record = await world.ending(id, 'backup', 60_000);
  expect(record).toMatchObject({ state: 'partial', reason: 'files-skipped', context: { result: { files: 1 } } });
  const skipped = record.context.skipped as { count: number; first: { why: string; code: string }[]; path: string };
  expect(skipped).toMatchObject({ count: files });
  expect(skipped.first.length).toBeGreaterThan(5);
  expect(skipped.first[0]).toMatchObject({ why: 'unreadable', code: 'EACCES' });
  for (const each of await world.history(id)) expect(Buffer.byteLength(JSON.stringify(each))).toBeLessThan(32 * 1024);

  let lines = 0;
  for await (const line of createInterface(createReadStream(skipped.path))) if (line !== '') lines += 1;
  expect(lines).toBe(files);
  expect(await world.listed()).toEqual([id]);
  expect(agent.log.filter(({ fact }) => fact === 'defect')).toEqual([]);
  // A log line for each file would be a flood.
  expect(agent.log.length).toBeLessThan(50);
});
