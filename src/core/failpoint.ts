/**
 * Failpoints, in the manner of etcd's gofail: named places where a test can end or stop the process, to prove what a
 * crash there leaves behind. They are off unless the environment variable `REEVE_FAILPOINTS` names them, as
 * `name=action[@n]` separated by commas: `kill` is SIGKILL, `stop` is SIGSTOP; with `@n` only the n-th passing acts.
 */

const armed = parse(process.env.REEVE_FAILPOINTS ?? '');

/** Acts if the environment armed this place; else costs one look-up. */
export function failpoint(name: string): void {
  const point = armed.get(name);
  if (!point) return;
  point.passed += 1;
  if (point.at !== undefined && point.passed !== point.at) return;
  process.kill(process.pid, point.action === 'kill' ? 'SIGKILL' : 'SIGSTOP');
}

interface Failpoint {
  action: 'kill' | 'stop';
  at: number | undefined;
  passed: number;
}

function parse(text: string): Map<string, Failpoint> {
  const points = new Map<string, Failpoint>();
  for (const part of text.split(',').filter(Boolean)) {
    const match = /^([\w.-]+)=(kill|stop)(?:@(\d+))?$/.exec(part);
    if (!match) throw new Error(`REEVE_FAILPOINTS has "${part}", which is not name=kill|stop[@n]`);
    const [, name = '', action, at] = match;
    points.set(name, { action: action as 'kill' | 'stop', at: at === undefined ? undefined : Number(at), passed: 0 });
  }
  return points;
}
