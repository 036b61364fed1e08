import { defineConfig } from 'vitest/config';
import { compileCache } from './support/compiled.ts';

export default defineConfig({
  test: {
    root: '.',
    include: ['test/**/*.test.ts'],
    exclude: ['test/bench/**', 'test/soak/**'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    env: compileCache,
    globalSetup: 'test/support/compiled.ts',
    fileParallelism: true,
    reporters: ['default'],
  },
});
