/** Every TypeScript example of docs/library.md compiles against the packed package, and runs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from '../e2e/cli.ts';
import { packedProject } from './packed.ts';

const project = packedProject();
const text = readFileSync(join(ROOT, 'docs/library.md'), 'utf8');
const blocks = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code!);
const isTest = (code: string): boolean => code.includes("from 'vitest'");

it('has examples', () => {
  expect(blocks.length).toBeGreaterThanOrEqual(7);
  expect(blocks.filter(isTest).length).toBeGreaterThanOrEqual(2);
});

it('has examples that compile and run', { timeout: 280_000 }, () => {
  for (const [n, code] of blocks.entries()) {
    if (isTest(code)) project.write(`block-${n}.test.ts`, code);
    else {
      project.write(`block-${n}.ts`, code);
      const test = `it('runs block ${n}', { timeout: 100_000 }, async () => void (await import('./block-${n}.ts')));`;
      // Without an import or export of its own it is no module.
      project.write(`block-${n}.test.ts`, `import { it } from 'vitest';\n\n${test}\n`);
    }
  }
  const options = { target: 'ES2023', module: 'NodeNext', strict: true, noEmit: true, skipLibCheck: true };
  const compilerOptions = { ...options, allowImportingTsExtensions: true, types: ['node'] };
  project.write('package.json', '{"type": "module"}\n');
  project.write('tsconfig.json', JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  expect(project.run('tsc', '--pretty', 'false')).toMatchObject({ code: 0, stdout: '' });
  const { code, stdout, stderr } = project.run('vitest', 'run');
  expect(code, `${stdout}${stderr}`).toBe(0);
  expect(stdout).toContain(`Test Files  ${blocks.length} passed (${blocks.length})`);
  // What the last example says that it prints.
  expect(stdout).toContain('runCampaign: cases: give a whole number from 1 on (see docs/library.md)');
});
