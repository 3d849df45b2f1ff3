/** `msrdiff init`: what a repository needs to have its engine tested, copied from `templates` of the package. */
import { copyFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { quoted } from '../export/shell.ts';
import { InputError } from '../model/input-error.ts';

const TEMPLATES = fileURLToPath(new URL('../../../templates', import.meta.url));

export function addInit(program: Command): void {
  program
    .command('init')
    .argument('[folder]', 'where to, made if it is not there', '.')
    .description('write a configuration for nights, an example engine, its vitest test and a GitHub workflow')
    .option('--force', 'overwrite what is there')
    .action((folder: string, { force = false }: { force?: boolean }) => {
      const written = init(folder, force);
      process.stdout.write(`${[...written.map((path) => `wrote ${path}`), '', ...next(folder)].join('\n')}\n`);
    });
}

/** Paths of what it wrote. Throws InputError, before anything is written, if something of it is there. */
function init(folder: string, force: boolean): string[] {
  const files = templates();
  const there = files.filter((file) => existsSync(resolve(folder, file)));
  if (there.length > 0 && !force) {
    const all = there.map((file) => join(folder, file)).join(', ');
    throw new InputError(`${all} would be overwritten: give another folder, or --force`);
  }
  return files.map((file) => {
    const path = resolve(folder, file);
    try {
      mkdirSync(dirname(path), { recursive: true });
      copyFileSync(join(TEMPLATES, file), path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new InputError(`${path} cannot be written (${code}): give another folder`);
    }
    return join(folder, file);
  });
}

/** Paths of the templates, relative to their folder. */
function templates(): string[] {
  return readdirSync(TEMPLATES, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(TEMPLATES, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

function next(folder: string): string[] {
  return [
    'To go on:',
    ...(resolve(folder) === process.cwd() ? [] : [`  cd ${quoted(folder)}`]),
    '  npm install --save-dev msrdiff vitest',
    '  npx msrdiff fuzz --engine-module msrdiff/engine.mjs --seconds 30',
    '  npx vitest run msrdiff',
    '  npx msrdiff nightly --budget 600',
    'Keep results/ and msrdiff-reproducers/ out of version control. docs/library.md, docs/nightly.md',
  ];
}
