import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/**
 * Tests of functions, which leave nothing behind: a process for each file would cost more than many of them do. They
 * share modules, so hooks belong into the test file, not into a module that it imports.
 */
const PURE = ['web', ...['corpus', 'export', 'filters', 'fuzz', 'model', 'prove'].map((name) => `src/${name}`)].map(
  (folder) => `${folder}/**/*.test.ts`,
);

export default defineConfig({
  test: {
    // Many tests wait for processes of theirs: one core less, which is the default, would leave half of two idle.
    maxWorkers: availableParallelism(),
    // These end what hangs. What is only slow, on a machine that is busy with other things, is not wrong.
    testTimeout: 240_000,
    expect: { poll: { timeout: 120_000 } },
    hookTimeout: 240_000,
    projects: [
      { extends: true, test: { name: 'functions', include: PURE, isolate: false } },
      { extends: true, test: { name: 'all else', include: ['{src,bench,test}/**/*.test.ts'], exclude: PURE } },
    ],
  },
});
