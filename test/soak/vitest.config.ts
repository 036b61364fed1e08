/** The soak: every test file that counts its repetitions, each in full. It fails where it finds none. */
import { globSync, readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import ordinary from '../vitest.config.ts';

const repeating = globSync('test/**/*.test.ts').filter(file =>
  readFileSync(file, 'utf8').includes('support/repetitions.ts'),
);
if (repeating.length === 0)
  throw new Error('no test file imports test/support/repetitions.ts: there is nothing to soak');

const { include: _, ...settings } = ordinary.test ?? {};

export default defineConfig({
  test: {
    ...settings,
    include: repeating,
    exclude: ['test/bench/**'],
    env: { ...settings.env, REEVE_SOAK: '1' },
    testTimeout: 120 * 60_000,
    hookTimeout: 5 * 60_000,
    reporters: ['verbose'],
  },
});
