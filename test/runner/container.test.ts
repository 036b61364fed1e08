import { expect, test } from 'vitest';
import { isContainer } from '../../src/runner/container.ts';

const nothing = () => false;

test.each([
  ['nothing says so', {}, nothing, '0::/init.scope', false],
  ['Kubernetes names its service', { KUBERNETES_SERVICE_HOST: '10.0.0.1' }, nothing, '0::/', true],
  ['systemd-nspawn and Podman say so in the environment', { container: 'podman' }, nothing, '0::/', true],
  ['Docker leaves its mark', {}, (path: string) => path === '/.dockerenv', '0::/', true],
  ['the cgroup is one of Docker', {}, nothing, '0::/system.slice/docker-4f.scope', true],
  ['the cgroup is one of a pod', {}, nothing, '11:memory:/kubepods/besteffort/pod1/2', true],
  ['a directory is called docker by somebody', {}, nothing, '0::/user.slice/dockerish', false],
])('a container is told where %s', (_, environment, isThere, cgroups, expected) => {
  expect(isContainer(environment, isThere, () => cgroups)).toBe(expected);
});
