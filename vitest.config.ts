import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'web/**/*.test.ts', 'bench/**/*.test.ts', 'test/**/*.test.ts'],
    // Many tests wait for processes of theirs: one core less, which is the default, would leave half of two idle.
    maxWorkers: availableParallelism(),
    // These end what hangs. What is only slow, on a machine that is busy with other things, is not wrong.
    testTimeout: 240_000,
    expect: { poll: { timeout: 120_000 } },
    hookTimeout: 240_000,
  },
});
