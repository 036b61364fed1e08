/** What the embedded server keeps in `<data>/nats/`: its store, its configuration, its log, and who it is. */
import { mkdir, open, readdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isProcessIdentity, type ProcessIdentity } from '../runner/process-identity.ts';
import { isAtLeast } from './version.ts';

/** The server that runs, or ran last. */
export interface ServerFile {
  identity: ProcessIdentity;
  port: number;
  version: string;
}

const logBytesMax = 2 ** 20;

export class ServerFiles {
  /** `<data>/nats`, without symbolic links, so that one store has one name. */
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** Makes the directory where it is missing. */
  static async create(dataDirectory: string): Promise<ServerFiles> {
    const directory = join(dataDirectory, 'nats');
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return new ServerFiles(await realpath(directory));
  }

  /** Undefined where no server was ever started there. */
  static async open(dataDirectory: string): Promise<ServerFiles | undefined> {
    const directory = await realpath(join(dataDirectory, 'nats')).catch(ifMissing(undefined));
    return directory === undefined ? undefined : new ServerFiles(directory);
  }

  get configuration(): string {
    return join(this.directory, 'server.conf');
  }

  /** What the server prints before it has its log. */
  get output(): string {
    return join(this.directory, 'server.out');
  }

  get log(): string {
    return join(this.directory, 'server.log');
  }

  /** Paths in it are relative to the directory, which is the server's own: no path needs quoting. */
  async writeConfiguration(version: string, port: number): Promise<void> {
    const isNewer = isAtLeast(version, '2.10.0');
    const lines = [
      'server_name: "reeve"',
      'host: "127.0.0.1"',
      `port: ${port}`,
      'max_payload: 1MB',
      'ports_file_dir: "."',
      'log_file: "server.log"',
      `logfile_size_limit: ${logBytesMax}`,
      ...(isNewer ? ['logfile_max_num: 2'] : []),
      'jetstream {',
      '  store_dir: "."',
      '  max_memory_store: 64MB',
      '  max_file_store: 8GB',
      ...(isNewer ? ['  # An acknowledged write survives a power failure.', '  sync_interval: always'] : []),
      '}',
    ];
    await writeFile(this.configuration, `${lines.join('\n')}\n`, { mode: 0o600 });
  }

  /** The server that runs, or ran last; undefined where none is known. */
  async readServer(): Promise<ServerFile | undefined> {
    const text = await readFile(join(this.directory, 'server.json'), 'utf8').catch(ifMissing(''));
    return parseServer(text);
  }

  async writeServer(server: ServerFile): Promise<void> {
    const path = join(this.directory, 'server.json');
    await writeFile(`${path}.next`, `${JSON.stringify(server)}\n`, { mode: 0o600 });
    await rename(`${path}.next`, path);
  }

  /** The port of the server with this pid, once it listens. */
  async readPort(pid: number): Promise<number | undefined> {
    const name = (await readdir(this.directory)).find(each => each.endsWith(`_${pid}.ports`));
    const text = name && (await readFile(join(this.directory, name), 'utf8').catch(ifMissing('')));
    const found = text ? /"nats":\s*\["[^"]*:(\d+)"/.exec(text)?.[1] : undefined;
    return found === undefined ? undefined : Number(found);
  }

  /** Removes what servers of the past left, and keeps of their logs the newest two. */
  async tidy(): Promise<void> {
    const names = await readdir(this.directory);
    for (const name of names) if (name.endsWith('.ports')) await rm(join(this.directory, name), { force: true });
    const rotated = names.filter(name => name.startsWith('server.log.')).sort();
    for (const name of rotated.slice(0, -1)) await rm(join(this.directory, name), { force: true });
    const size = await stat(this.log).then(({ size }) => size, ifMissing(0));
    if (size > logBytesMax) await rename(this.log, `${this.log}.${new Date().toISOString().replaceAll(':', '.')}`);
  }

  /** The end of what the server said, for whoever must know why it is not there. */
  async tail(bytesMax = 2_000): Promise<string> {
    const parts = [await tailOf(this.log, bytesMax), await tailOf(this.output, bytesMax)];
    return parts.filter(Boolean).join('\n');
  }
}

/** Undefined for a file that a power failure emptied: whoever it named is gone with that boot. */
function parseServer(text: string): ServerFile | undefined {
  try {
    const json = JSON.parse(text) as Partial<ServerFile>;
    const { identity, port, version } = json;
    const isWhole = isProcessIdentity(identity) && typeof port === 'number' && typeof version === 'string';
    return isWhole ? { identity, port, version } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function tailOf(path: string, bytesMax: number): Promise<string> {
  const file = await open(path).catch(ifMissing(undefined));
  if (!file) return '';
  try {
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.min(size, bytesMax));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8', 0, bytesRead).trim();
  } finally {
    await file.close();
  }
}

function ifMissing<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return error => {
    if (error.code === 'ENOENT') return value;
    throw error;
  };
}
