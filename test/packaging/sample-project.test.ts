/** examples/sample-project on the packed tarball: types, tests that pass, and the same with a bug in its engine. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../e2e/cli.ts';
import { packedProject } from './packed.ts';

const project = packedProject(join(ROOT, 'examples/sample-project'));
const reproducers = join(project.folder, 'msrdiff-reproducers');

describe('the tarball', () => {
  it('has what is needed, and nothing of the workshop', () => {
    for (const path of [
      ...['dist/src/library.js', 'dist/src/library.d.ts', 'dist/web/index.html', 'dist/workers/entry.cjs'],
      ...['docs/library.md', 'native/msrdiff-kvm.c', 'examples/sample-project/package.json'],
      ...['templates/msrdiff.config.mjs', 'templates/.github/workflows/msrdiff-nightly.yml'],
    ]) {
      expect(project.files).toContain(path);
    }
    const wrong = /\.(test|fixture)\.|^(src|test|bench|results|web|workers)\/|^dist\/(bench|test)\/|\.db$|\.tgz$/;
    const kept = /^(examples\/sample-project\/(src|test)|templates\/msrdiff)\//;
    expect(project.files.filter((path) => wrong.test(path) && !kept.test(path))).toEqual([]);
  });

  it('has a command line that runs', () => {
    expect(project.run('msrdiff', '--version').stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const args = ['--cases', '64', '--seed', '1', '--workers', '1', '--engines', 'reference,interval'];
    expect(project.run('msrdiff', 'fuzz', ...args)).toMatchObject({ code: 0 });
  });
});

describe('the sample project', () => {
  it('compiles against the packed types, which are sound', () => {
    expect(project.run('tsc', '--pretty', 'false')).toMatchObject({ code: 0, stdout: '' });
    // Other people's declarations are theirs to mend.
    const { stdout } = project.run('tsc', '--pretty', 'false', '--skipLibCheck', 'false');
    expect(stdout.split('\n').filter((line) => line.includes('msrdiff/') || /^(src|test)\//.test(line))).toEqual([]);
  });

  it('is checked at all: a wrong option is a type error', () => {
    project.write('test/wrong.ts', "import { runCampaign } from 'msrdiff';\nvoid runCampaign(['vmx'], { case: 1 });\n");
    const matcher = "import 'msrdiff/vitest';\nimport { expect } from 'vitest';\nvoid expect('vmx').toAgreeWith(7);\n";
    project.write('test/wrong-matcher.ts', matcher);
    const { stdout } = project.run('tsc', '--pretty', 'false');
    expect(stdout).toMatch(/^test\/wrong\.ts\(2,\d+\): error TS/m);
    expect(stdout).toMatch(/^test\/wrong-matcher\.ts\(3,\d+\): error TS/m);
  });

  it('passes its tests, and leaves nothing behind', () => {
    const { code, stdout, stderr } = project.run('vitest', 'run');
    expect(`${stdout}${stderr}`).toContain('Tests  4 passed (4)');
    expect(code).toBe(0);
    expect(existsSync(reproducers)).toBe(false);
  });

  it('fails them with a bug in its engine: told, explained and stored', () => {
    const engine = readFileSync(join(project.folder, 'src/engine.ts'), 'utf8');
    project.write('src/engine.ts', engine.replace('index >= end', 'index > end'));
    const { code, stdout, stderr } = project.run('vitest', 'run', 'test/engine.test.ts');
    const output = `${stdout}${stderr}`;
    expect(code).toBe(1);
    expect(output).toContain('sample diverges within 64 cases of seed 1, profile 6.18: verdict, divergence');
    expect(output).toContain('event 1, access 0: RDMSR 0x1: sample answers gp, expected allow');
    expect(output).toContain('Broken rule: range end inclusive');
    expect(output).toMatch(/reference +allow {2}no range matches: the default allows/);
    expect(output).toContain('Minimized scenario:\n{"events": [');
    expect(output).toContain('sample diverges by a proof');
    const [stored] = readdirSync(reproducers);
    expect(output).toContain(`toAgreeWith('reference', { scenario: 'msrdiff-reproducers/${stored}' })`);
    // What is stored is a scenario for the command line too.
    const replay = (answer: boolean): number | null => {
      project.write('decision.mjs', `export const name = "sample";\nexport const allowed = () => ${answer};\n`);
      const args = ['--engines', 'reference', '--engine-module', 'decision.mjs'];
      return project.run('msrdiff', 'replay', join(reproducers, stored!), ...args).code;
    };
    expect([replay(false), replay(true)]).toEqual([1, 0]);
  });
});
