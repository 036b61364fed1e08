import { expect, test } from 'vitest';
import { agentConfigOf, agentSchema } from '../../src/domain/agent-config.ts';
import { definitionsOf, faultsOf } from '../../src/domain/agent-definitions.ts';
import { type Plan, planSchema } from '../../src/domain/plan.ts';

const definitions = definitionsOf(
  agentConfigOf(
    agentSchema.parse({
      name: 'nas-1',
      data: '/var/lib/reeve',
      repositories: {
        nas: { type: 'files', path: '/backup/files' },
        dbs: { type: 'directory', path: '/backup/db' },
        vm: { type: 'vmbackup', url: 'fs:///backup/vm' },
      },
      credentials: { vm: { basicAuthFile: '/etc/reeve/vm.auth' } },
      exec: {
        'ldap-dump': { backup: ['/usr/local/bin/ldap-dump', '{base}', '{output}'], params: { base: '[a-z=,]+|a' } },
      },
      hooks: { quiesce: { run: ['/usr/local/bin/quiesce'] } },
    }),
  ),
);

function faults(change: Partial<Record<keyof Plan, unknown>>): string[] {
  const files = { type: 'files', path: '/srv' };
  const plan = planSchema.parse({ name: 'p', engine: files, repository: 'nas', ...change });
  return faultsOf(plan, definitions).map(({ message, hint }) => `${message}: ${hint}`);
}

test('a plan whose names are all there has no fault', () => {
  expect(faults({ hooks: { before: ['quiesce'], finally: ['quiesce'] } })).toEqual([]);
  expect(faults({ repository: { path: '/backup/other' } })).toEqual([]);
  const exec = { type: 'exec', use: 'ldap-dump', params: { base: 'dc=example,dc=org' } };
  expect(faults({ engine: exec, repository: 'dbs' })).toEqual([]);
});

test('what is not there is told with the agent, and the nearest name or the place to define it', () => {
  expect(faults({ hooks: { before: ['quiesec'], finally: ['thaw', 'quiesec'] } })).toEqual([
    'agent nas-1 has no hook quiesec: did you mean quiesce?',
    'agent nas-1 has no hook thaw: define it under hooks in the file of agent nas-1',
  ]);
  expect(faults({ repository: 'nsa' })).toEqual(['agent nas-1 has no repository nsa: did you mean nas?']);
  const vm = { type: 'victoriametrics', url: 'http://127.0.0.1:8428', dataPath: '/vm', credentials: 'metrics' };
  expect(faults({ engine: vm, repository: 'vm' })).toEqual([
    'agent nas-1 has no credentials metrics: define it under credentials in the file of agent nas-1',
  ]);
  expect(faults({ engine: { type: 'exec', use: 'ldap-dmp' }, repository: 'dbs' })).toEqual([
    'agent nas-1 has no exec ldap-dmp: did you mean ldap-dump?',
  ]);
  expect(faults({ hooks: { before: ['constructor'] } })).toHaveLength(1);
});

test('a repository of another type is told with the type that the engine needs', () => {
  expect(faults({ repository: 'dbs' })).toEqual([
    'the engine files writes to a repository of type files, and dbs of agent nas-1 is of type directory: name a repository of type files from the file of agent nas-1',
  ]);
});

test.each([
  ['a whole value that does not match', 'dc=1', 'does not match [a-z=,]+|a as a whole'],
  ['a value of which only the start matches', 'abc;rm', 'as a whole'],
  ['a value of which only one alternative matches the end', 'A\u00dfa', 'as a whole'],
])('%s is refused', (_, base, said) => {
  const [fault, ...more] = faults({ engine: { type: 'exec', use: 'ldap-dump', params: { base } }, repository: 'dbs' });
  expect(fault).toContain(said);
  expect(more).toEqual([]);
});

test('a parameter that the command does not have is told with the nearest', () => {
  const engine = { type: 'exec', use: 'ldap-dump', params: { bsae: 'x' } };
  expect(faults({ engine, repository: 'dbs' })).toEqual([
    'exec ldap-dump of agent nas-1 has no parameter bsae: did you mean base?',
  ]);
});
