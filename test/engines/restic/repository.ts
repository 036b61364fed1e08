/** A restic repository for a test, and what is in it by restic's own word. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { quickKey } from './quick-key.ts';

const password = 'correct horse';

/** The files of a repository that is empty, once one was made. */
let made: Map<string, string | Buffer> | undefined;

export class TestRepository {
  readonly path: string;
  readonly passwordFile: string;
  /** As the agent's file has it. */
  readonly document: { type: 'restic'; url: string; passwordFile: string };

  constructor(directory: string) {
    this.path = join(directory, 'repository');
    this.passwordFile = join(directory, 'password');
    writeFileSync(this.passwordFile, `${password}\n`, { mode: 0o600 });
    this.document = { type: 'restic', url: this.path, passwordFile: this.passwordFile };
  }

  /** Makes it, with a key that takes no time. */
  make(): void {
    if (!made) {
      this.restic('init');
      const { name, content } = quickKey(password, this.restic('cat', 'masterkey'));
      made = new Map<string, string | Buffer>([
        ['config', readFileSync(join(this.path, 'config'))],
        [join('keys', name), content],
      ]);
      rmSync(this.path, { recursive: true });
    }
    for (const below of ['data', 'index', 'keys', 'locks', 'snapshots'])
      mkdirSync(join(this.path, below), { recursive: true });
    for (const [name, content] of made) writeFileSync(join(this.path, name), content);
  }

  /** Calls restic itself. */
  restic(...args: string[]): string {
    const env = {
      PATH: process.env.PATH,
      TZ: 'UTC',
      RESTIC_REPOSITORY: this.path,
      RESTIC_PASSWORD_FILE: this.passwordFile,
    };
    return execFileSync('restic', ['--no-cache', ...args], {
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  snapshots(): { id: string; tags: string[]; paths: string[]; hostname: string }[] {
    return JSON.parse(this.restic('snapshots', '--json', '--no-lock')) as ReturnType<TestRepository['snapshots']>;
  }

  /** The files below one of its directories. */
  files(below: string): string[] {
    const entries = readdirSync(join(this.path, below), { recursive: true, withFileTypes: true });
    return entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name));
  }
}
