import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from './cli.ts';

test('the built command runs as a file, which is how npx starts it in this folder', () => {
  const { status, stdout } = spawnSync(join(ROOT, 'dist/src/cli/main.js'), ['--version'], { encoding: 'utf8' });
  expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
});
