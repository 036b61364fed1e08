/** What came from outside is shown escaped, on the terminal and in the log. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { reeve } from '../cli/run-reeve.ts';
import { withoutPowers } from '../support/without-powers.ts';
import { World } from '../support/world.ts';

/** Clears a screen, sets its title, turns the direction of writing, and is markup. */
const evil = '\u001b[2J\u001b]0;title\u0007 \u202e <script>alert(1)</script> \r';

/** Nothing that a terminal would obey; only our own line ends. */
function expectPlain(text: string): void {
  expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
}

test('a file name, a path and a note with control characters are shown escaped by the command line and in the log', async ({
  skip,
}) => {
  const under = withoutPowers();
  if (typeof under === 'string') return skip(under);
  const world = await World.open();
  onTestFinished(() => world.close());
  const agent = await world.runAgent({ under });
  const run = (...words: string[]) => reeve(words, { variables: { REEVE_NATS_URL: world.server.url } });
  writeFileSync(join(world.source, 'fine'), 'fine');
  writeFileSync(join(world.source, evil.replaceAll('/', ' ')), 'x', { mode: 0 });
  const path = join(world.directory, `source ${evil.replaceAll('/', ' ')}`);
  renameSync(world.source, path);
  const engine = { type: 'files', path };
  await world.plan('docs', { engine });

  const id = await world.start('docs', { note: evil });
  expect(await world.ending(id)).toMatchObject({ state: 'partial', reason: 'files-skipped' });
  const first = await world.record(id);
  expect(JSON.stringify(first.context.skipped)).not.toContain('\\u001b');

  renameSync(path, world.source);
  const { warnings } = await world.plan('docs', { engine });
  expect(warnings).toHaveLength(1);
  const failed = await world.start('docs', { note: evil });
  expect(await world.ending(failed)).toMatchObject({ state: 'failed', reason: 'source-missing' });
  await world.refusal('backup.cancel', { id: failed, note: evil });
  await world.refusal('backup.start', { plan: evil });

  for (const words of [
    ['ps', '--all'],
    ['show', id],
    ['show', failed],
    ['history', id],
    ['history', failed],
    ['explain', failed],
    ['plan', 'list'],
    ['plan', 'show', 'docs'],
    ['backups'],
    ['backup', evil],
    ['cancel', failed, '--note', evil],
    ['logs', failed],
  ]) {
    const { stdout, stderr } = await run(...words);
    expectPlain(stdout);
    expectPlain(stderr);
  }
  const { stdout } = await run('history', id);
  expect(stdout).toContain(String.raw`\x1b[2J`);
  expect(stdout).toContain('<script>');
  expect((await run('show', failed)).stdout).toContain(String.raw`\x1b[2J`);
  expectPlain(agent.stdout);
  // A line of the log is JSON, and what it says is still escaped once it is read.
  expectPlain(agent.log.map(line => Object.values(line).map(String).join(' ')).join('\n'));
});
