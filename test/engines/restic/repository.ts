/** A restic repository for a test, and what is in it by restic's own word. */
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export class TestRepository {
  readonly path: string;
  readonly passwordFile: string;
  /** As the agent's file has it. */
  readonly document: { type: 'restic'; url: string; passwordFile: string };

  constructor(directory: string) {
    this.path = join(directory, 'repository');
    this.passwordFile = join(directory, 'password');
    writeFileSync(this.passwordFile, 'correct horse\n', { mode: 0o600 });
    this.document = { type: 'restic', url: this.path, passwordFile: this.passwordFile };
  }

  /** Calls restic itself. */
  restic(...args: string[]): string {
    const env = { PATH: process.env.PATH, RESTIC_REPOSITORY: this.path, RESTIC_PASSWORD_FILE: this.passwordFile };
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
