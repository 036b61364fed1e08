import { expect, test } from 'vitest';
import { agentConfigOf, agentSchema, everythingAllowed, isLoopback } from '../../src/domain/agent-config.ts';

const least = { name: 'nas-1', data: '/var/lib/reeve' };

test('what a file leaves out takes the documented defaults', () => {
  expect(agentConfigOf(agentSchema.parse(least))).toEqual({
    ...least,
    labels: {},
    http: { listen: '127.0.0.1:7480', tokenFile: undefined },
    nats: { servers: ['nats://127.0.0.1:4222'], prefix: 'reeve', creds: undefined, ca: undefined },
    graceMs: 25_000,
    leaseMs: 15_000,
    allow: everythingAllowed,
    limits: {
      runs: 4,
      restores: 2,
      runsByEngine: {},
      runDirectoryBytes: 64 * 2 ** 20,
      bytesPerSecond: null,
      memoryBytesPerRun: null,
      cpusPerRun: null,
    },
    repositories: {},
    credentials: {},
    exec: {},
    hooks: {},
    pings: {},
  });
});

test('what a file says is kept, as numbers', () => {
  const document = agentSchema.parse({
    ...least,
    labels: { site: 'fra' },
    http: { listen: '127.0.0.1:7480', tokenFile: '/etc/reeve/page.token' },
    nats: {
      servers: ['tls://n1:4222', 'tls://n2:4222'],
      prefix: 'reeve',
      creds: '/etc/reeve/nas-1.creds',
      tls: { ca: '/etc/reeve/ca.pem' },
    },
    grace: '10s',
    lease: '30s',
    allow: { read: ['/srv'], repositories: ['/backup'] },
    limits: { runs: 1, runDirectory: '1MiB', bytesPerSecond: '200MiB' },
    repositories: { nas: { type: 'files', path: '/backup/files', minFree: '50GiB' } },
  });
  expect(agentConfigOf(document)).toMatchObject({
    nats: { servers: ['tls://n1:4222', 'tls://n2:4222'], creds: '/etc/reeve/nas-1.creds', ca: '/etc/reeve/ca.pem' },
    graceMs: 10_000,
    leaseMs: 30_000,
    allow: { read: ['/srv'], repositories: ['/backup'], restore: [], sources: [] },
    limits: { runs: 1, restores: 2, runDirectoryBytes: 2 ** 20, bytesPerSecond: 200 * 2 ** 20 },
    repositories: { nas: { type: 'files', path: '/backup/files', minFreeBytes: 50 * 2 ** 30 } },
  });
});

test('without allow, everything is denied as soon as one server can be reached from elsewhere', () => {
  const servers = ['nats://127.0.0.1:4222', 'nats://n1:4222'];
  expect(agentConfigOf(agentSchema.parse({ ...least, nats: { servers } })).allow).toEqual({
    read: [],
    repositories: [],
    restore: [],
    sources: [],
  });
});

test.each([
  ['nats://127.0.0.1:4222', true],
  ['127.0.0.1:4222', true],
  ['localhost', true],
  ['tls://user:pass@localhost:4222', true],
  ['nats://[::1]:4222', true],
  ['nats://127.evil.example:4222', false],
  ['nats://127.0.0.1.example:4222', false],
  ['nats://localhost@n1:4222', false],
  ['nats://n1:4222', false],
  ['nats://0.0.0.0:4222', false],
  ['', false],
])('%s is loopback: %s', (url, loopback) => {
  expect(isLoopback(url)).toBe(loopback);
});
