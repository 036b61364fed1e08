import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AgentOptions } from '../../src/cli/environment.ts';
import { reeve } from './run-reeve.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'reeve-agent-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const file =
  'kind: Agent\nname: nas-1\ndata: /var/lib/reeve\nlabels: { site: fra, disk: big }\nnats: { servers: ["tls://n1:4222"], prefix: estate }\n';

/** Runs `reeve agent` with a file of that text, and answers what the agent got. */
async function agentWith(text: string | undefined, words: string[] = [], variables: Record<string, string> = {}) {
  const got: AgentOptions[] = [];
  if (text !== undefined) await writeFile(join(directory, 'agent.yaml'), text);
  const named = text === undefined ? [] : ['--config', 'agent.yaml'];
  const agent = async (options: AgentOptions) => {
    got.push(options);
    return 0;
  };
  const ran = await reeve(['agent', ...named, ...words], { directory, variables, agent });
  return { ran, config: got[0]?.config };
}

test('the file is read, with its defaults', async () => {
  const { ran, config } = await agentWith(file);
  expect(ran.status).toBe(0);
  expect(config).toMatchObject({
    name: 'nas-1',
    graceMs: 25_000,
    nats: { servers: ['tls://n1:4222'], prefix: 'estate' },
  });
  expect(config?.allow.read).toEqual([]);
});

test('flags win over the file, and labels are added to its own', async () => {
  const { config } = await agentWith(file, [
    '--name',
    'nas-2',
    '--data',
    'here',
    '--label',
    'site=ber',
    '--nats',
    'nats://a:1,nats://b:1',
    '--prefix',
    'mine',
  ]);
  expect(config).toMatchObject({
    name: 'nas-2',
    data: join(directory, 'here'),
    labels: { site: 'ber', disk: 'big' },
    nats: { servers: ['nats://a:1', 'nats://b:1'], prefix: 'mine' },
  });
});

test('flags alone on loopback allow everything', async () => {
  const { config } = await agentWith(undefined, ['--name', 'a', '--data', '/d', '--nats', 'nats://127.0.0.1:4222']);
  expect(config?.allow.read).toEqual(['/']);
});

test('http is taken, and a token for the page with a warning that there is none yet', async () => {
  const flags = ['--name', 'a', '--data', '/d', '--http', '127.0.0.1:9000'];
  const { ran, config } = await agentWith(undefined, flags);
  expect(config?.http.listen).toBe('127.0.0.1:9000');
  expect(ran.stderr).toBe('');
  const tokenFile = await agentWith(`${file}http: { tokenFile: /etc/reeve/page.token }\n`);
  expect(tokenFile.ran.stderr).toContain('no page yet');
});

test.each(['7480', 'here:', 'a b:1', ':7480', '127.0.0.1:70000', '[::1', 'http://here:80'])(
  'an address such as %s is invalid',
  async http => {
    const { ran } = await agentWith(undefined, ['--name', 'a', '--data', '/d', '--http', http]);
    expect(ran).toMatchObject({ status: 2, stderr: expect.stringContaining('is not HOST:PORT') });
  },
);

test.each([
  [`${file}grase: 5s\n`, 'grase: is not a known field; did you mean grace?'],
  [file.replace('servers', 'sevrers'), 'nats.sevrers: is not a known field; did you mean servers?'],
  [file.replace('kind: Agent\n', ''), 'is of kind (none), not Agent'],
  [file.replace('Agent', 'Plan'), 'is of kind Plan, not Agent'],
  [`${file}---\nkind: Agent\n`, 'must hold one document'],
  [file.replace('nats: { servers: ["tls://n1:4222"], prefix: estate }', 'nats: here'), 'nats: must be an object'],
  ['', 'must hold one document'],
])('a wrong file is invalid: %#', async (text, says) => {
  const { ran, config } = await agentWith(text);
  expect(ran.stderr).toContain(says);
  expect(ran.status).toBe(2);
  expect(config).toBeUndefined();
});

test('a file that is not there, and a label that is none, are invalid', async () => {
  expect((await reeve(['agent', '--config', '/not/there'], {})).stderr).toContain('cannot read /not/there');
  expect((await agentWith(file, ['--label', 'x'])).ran.stderr).toContain('is not KEY=VALUE');
});
