/** The `reeve` command as a process of its own, to its end. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

export interface CommandEnded {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs `reeve` with these words; `url` is where it looks for NATS. */
export async function runCommand(url: string, ...words: string[]): Promise<CommandEnded> {
  const env = { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, REEVE_NATS_URL: url };
  const child = spawn(process.execPath, [main, ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', text => {
      said[name] += text;
    });
  return await new Promise(resolve => {
    child.once('close', status => resolve({ status, ...said }));
  });
}
