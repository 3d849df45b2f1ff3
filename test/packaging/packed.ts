/**
 * The package as it is published, installed into a project of its own without network: `npm pack`, the tarball
 * extracted into the project's node_modules, and links to this repository's packages for what it declares to depend on.
 *
 * What this does not cover: how npm resolves versions, and install scripts (sqlite3 is compiled or downloaded there).
 * What it does: what is packed, the `exports` and `bin` fields, and that nothing is imported that is not declared.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { atEnd } from '../at-end.ts';
import { type Outcome, ROOT } from '../e2e/cli.ts';

/** What a project that tests an engine has itself. */
const OWN = ['vitest', 'typescript', '@types/node', 'fast-check'];

export interface PackedProject {
  readonly folder: string;
  /** Paths in the tarball, without `package/`. */
  readonly files: readonly string[];
  write(path: string, text: string): void;
  /** Runs a program of node_modules/.bin there. */
  run(program: string, ...args: string[]): Outcome;
}

/** `from`: a folder that is copied into the project. */
export function packedProject(from?: string): PackedProject {
  const folder = mkdtempSync(join(tmpdir(), 'msrdiff-packed-'));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  if (from !== undefined) cpSync(from, folder, { recursive: true });
  const installed = join(folder, 'node_modules/msrdiff');
  mkdirSync(installed, { recursive: true });
  must('npm', ['pack', '--silent', '--pack-destination', folder], ROOT);
  const { name, version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const tarball = join(folder, `${name}-${version}.tgz`);
  must('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1'], folder);
  const files = must('tar', ['-tzf', tarball], folder).trim().split('\n');
  const packed = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  const declared = [...Object.keys(packed.dependencies), ...Object.keys(packed.optionalDependencies)];
  for (const dependency of new Set([...declared, ...OWN])) link(folder, dependency);
  mkdirSync(join(folder, 'node_modules/.bin'));
  for (const program of ['vitest', 'tsc']) symlinkSync(join(ROOT, 'node_modules/.bin', program), bin(folder, program));
  symlinkSync(join(installed, packed.bin.msrdiff), bin(folder, 'msrdiff'));
  return {
    folder,
    files: files.map((path) => path.replace(/^package\//, '')),
    write: (path, text) => {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    },
    run: (program, ...args) => {
      const options = { cwd: folder, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } } as const;
      const { status, stdout, stderr } = spawnSync(process.execPath, [bin(folder, program), ...args], options);
      return { code: status, stdout, stderr };
    },
  };
}

function bin(folder: string, program: string): string {
  return join(folder, 'node_modules/.bin', program);
}

function link(folder: string, dependency: string): void {
  const place = join(folder, 'node_modules', dependency);
  mkdirSync(dirname(place), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules', dependency), place);
}

function must(program: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}
