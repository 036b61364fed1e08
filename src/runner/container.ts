/** Whether this process runs in a container, told by what container engines leave there; being PID 1 says nothing. */
import { existsSync, readFileSync } from 'node:fs';

/** Files that Docker and Podman put into each of theirs. */
const marks = ['/.dockerenv', '/run/.containerenv'];
const cgroupPattern = /\/(docker|kubepods|containerd|libpod|lxc|crio)[-/.]/;

export function isContainer(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  isThere: (path: string) => boolean = existsSync,
  cgroups: () => string = ownCgroups,
): boolean {
  if (environment.KUBERNETES_SERVICE_HOST !== undefined || environment.container !== undefined) return true;
  return marks.some(isThere) || cgroupPattern.test(cgroups());
}

function ownCgroups(): string {
  try {
    return readFileSync('/proc/self/cgroup', 'utf8');
  } catch {
    return ''; // not Linux
  }
}
