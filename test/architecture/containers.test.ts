import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { agentConfigOf, agentSchema } from '../../src/domain/agent-config.ts';

const root = join(import.meta.dirname, '..', '..');
const composeCommands = [['docker-compose'], ['docker', 'compose']];

/** The command that reads compose files on this machine; undefined where there is none. */
function composeCommand(): string[] | undefined {
  return composeCommands.find(([command = '', ...args]) => {
    try {
      execFileSync(command, [...args, 'version'], { stdio: 'ignore' });
      return true;
    } catch {
      return false; // not there, or without the plug-in
    }
  });
}

interface Compose {
  services: Record<string, { init?: boolean; stop_grace_period?: string; healthcheck?: object; volumes?: unknown[] }>;
}

test('docker-compose takes docker-compose.yml', context => {
  const command = composeCommand();
  if (!command && process.env.CI !== 'true') {
    process.stderr.write('\nNOT CHECKED: docker-compose.yml, for there is no docker-compose on this machine\n');
    context.skip('no docker-compose on this machine');
  }
  const [name = 'docker-compose', ...args] = command ?? [];
  const text = execFileSync(name, [...args, '-f', 'docker-compose.yml', 'config'], { cwd: root, encoding: 'utf8' });
  const { services } = parse(text) as Compose;
  expect(Object.keys(services).sort()).toEqual(['agent', 'nats']);
  expect(services.agent?.init).toBe(true);
  expect(services.agent?.healthcheck).toBeDefined();
  expect(JSON.stringify(services.agent?.volumes)).toMatch(
    /\/source:ro|"target":"\/source"[^}]*"read_only":true|"read_only":true[^}]*"target":"\/source"/,
  );
});

test("the container's agent has a file that Reeve takes, and stops within its container's grace", async () => {
  const text = await readFile(join(root, 'docs', 'examples', 'container-agent.yaml'), 'utf8');
  const { kind, ...document } = parse(text) as { kind: string };
  expect(kind).toBe('Agent');
  const config = agentConfigOf(agentSchema.parse(document));
  const compose = parse(await readFile(join(root, 'docker-compose.yml'), 'utf8')) as Compose;
  const grace = Number(/^(\d+)s$/.exec(compose.services.agent?.stop_grace_period ?? '')?.[1]) * 1_000;
  expect(grace).toBeGreaterThan(config.graceMs);
});

test('the image copies only what is there, runs as nobody special, and has an init', async () => {
  const dockerfile = await readFile(join(root, '.ci', 'Dockerfile'), 'utf8');
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names = '']) => names.split(' '));
  const tracked = execFileSync('git', ['-c', 'safe.directory=*', 'ls-files'], { cwd: root, encoding: 'utf8' }).split(
    '\n',
  );
  expect(copied.length).toBeGreaterThan(3);
  expect(copied.filter(name => !tracked.some(file => file === name || file.startsWith(`${name}/`)))).toEqual([]);
  expect(dockerfile).toMatch(/^USER reeve$/m);
  expect(dockerfile).toMatch(/^ENTRYPOINT \["\/usr\/bin\/tini"/m);
});
