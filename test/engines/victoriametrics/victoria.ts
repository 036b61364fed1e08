/** A real VictoriaMetrics for a test, on a free port of loopback and in a directory of its own. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/free-port.ts';

/** Which of the tools are not on this machine; CI must have them. */
export function missingTools(): string[] {
  const missing = ['victoria-metrics', 'vmbackup', 'vmrestore'].filter(tool => {
    try {
      execFileSync(tool, ['-version'], { stdio: 'ignore' });
      return false;
    } catch {
      return true;
    }
  });
  if (missing.length === 0) return missing;
  if (process.env.CI) throw new Error(`CI must run these tests: ${missing.join(', ')} are not installed`);
  process.stderr.write(`SKIPPED: no tests of VictoriaMetrics, for ${missing.join(', ')} are not installed\n`);
  return missing;
}

export const user = 'reader';
const startsWithinMs = 20_000;
const linesMax = 10_000;
/** A panic takes some 40. */
const lastLines = 60;

export class Victoria {
  readonly port: number;
  readonly dataPath: string;
  password: string;
  /** What the server said; the last lines where those are too many. */
  readonly lines: string[] = [];
  #process: ChildProcess | undefined;

  private constructor(port: number, dataPath: string, password: string) {
    this.port = port;
    this.dataPath = dataPath;
    this.password = password;
  }

  /** Starts one on the data that are there, or on none. */
  static async start(dataPath: string, password = 'right'): Promise<Victoria> {
    const victoria = new Victoria(await freePort(), dataPath, password);
    await victoria.start();
    return victoria;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const flags = [
      `-storageDataPath=${this.dataPath}`,
      `-httpListenAddr=127.0.0.1:${this.port}`,
      `-httpAuth.username=${user}`,
      `-httpAuth.password=${this.password}`,
      '-http.maxGracefulShutdownDuration=100ms',
      '-memory.allowedBytes=64MiB',
      '-retentionPeriod=100y',
    ];
    const child = spawn('victoria-metrics', flags, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process = child;
    this.#hear(child);
    await eventually(
      'a VictoriaMetrics that is well',
      async () => {
        if (child.exitCode !== null) throw new Error(`victoria-metrics ended with ${child.exitCode}:\n${this.said}`);
        return await fetch(`${this.url}/health`).then(
          ({ ok }) => ok,
          () => false,
        );
      },
      startsWithinMs,
    );
  }

  /** The end of what the server said. */
  get said(): string {
    return this.lines.slice(-lastLines).join('\n');
  }

  /** An end that no test asked for is told at once, with the server's last words: whatever fails then fails of it. */
  #hear(child: ChildProcess): void {
    if (child.stderr)
      createInterface(child.stderr).on('line', line => {
        this.lines.push(line);
        if (this.lines.length > linesMax) this.lines.shift();
      });
    child.once('close', (code, signal) => {
      if (this.#process === child)
        process.stderr.write(`victoria-metrics ended by itself with ${code ?? signal}:\n${this.said}\n`);
    });
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  }

  /** Stops the process where it is, and has it go on. */
  freeze(): void {
    this.#process?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Takes so many series of ten random samples in. */
  async ingest(batch: string, series: number): Promise<void> {
    const began = Date.now() - 3_600_000;
    const lines: string[] = [];
    for (let index = 0; index < series; index += 1)
      for (let sample = 0; sample < 10; sample += 1)
        lines.push(`m{batch="${batch}",i="${index}"} ${randomBytes(6).readUIntBE(0, 6)} ${began + sample * 1_000}`);
    await this.#ask('/api/v1/import/prometheus', { method: 'POST', body: lines.join('\n') });
  }

  /** Takes a sample in of each of so many months: to make a snapshot takes some milliseconds for each. */
  async ingestMonths(months: number): Promise<void> {
    const monthMs = 31 * 86_400_000;
    const lines = Array.from({ length: months }, (_, month) => `old ${month} ${Date.now() - month * monthMs}`);
    await this.#ask('/api/v1/import/prometheus', { method: 'POST', body: lines.join('\n') });
  }

  /** How many series of each batch a query returns. */
  async series(): Promise<Record<string, number>> {
    const query = new URLSearchParams({ 'match[]': 'm', start: String(Math.floor(Date.now() / 1_000) - 7_200) });
    const { data } = (await (await this.#ask(`/api/v1/series?${query}`)).json()) as { data: { batch: string }[] };
    const counts: Record<string, number> = {};
    for (const { batch } of data) counts[batch] = (counts[batch] ?? 0) + 1;
    return counts;
  }

  async snapshots(): Promise<string[]> {
    return ((await (await this.#ask('/snapshot/list')).json()) as { snapshots: string[] }).snapshots;
  }

  async createSnapshot(): Promise<string> {
    return ((await (await this.#ask('/snapshot/create')).json()) as { snapshot: string }).snapshot;
  }

  async deleteSnapshot(name: string): Promise<void> {
    await this.#ask(`/snapshot/delete?snapshot=${name}`);
  }

  async #ask(path: string, init: RequestInit = {}): Promise<Response> {
    const authorization = `Basic ${Buffer.from(`${user}:${this.password}`).toString('base64')}`;
    const response = await fetch(`${this.url}${path}`, { ...init, headers: { authorization } }).catch(cause => {
      throw new Error(`${path}: no answer; the server said:\n${this.said}`, { cause });
    });
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return response;
  }
}

export function restored(directory: string): string {
  return join(directory, `restored-${randomBytes(4).toString('hex')}`);
}
