/** Other people's tools that a test needs: where one is missing the test is skipped, loudly, and on CI it fails. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, test } from 'vitest';

/** The tools that no directory of PATH has. */
export function missingTools(tools: readonly string[]): string[] {
  const directories = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  return tools.filter(tool => !directories.some(directory => isExecutable(join(directory, tool))));
}

/** A group of tests that call these tools. */
export function describeWithTools(title: string, tools: readonly string[], tests: () => void): void {
  const missing = missingTools(tools);
  if (missing.length === 0) return void describe(title, tests);
  if (process.env.CI) {
    test(title, () => {
      throw new Error(`CI must run these tests, and ${missing.join(', ')} is not installed`);
    });
    return;
  }
  process.stderr.write(`SKIPPED: ${title}: ${missing.join(', ')} is not installed\n`);
  describe.skip(title, tests);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
