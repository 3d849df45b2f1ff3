/** Which recordings a configuration means: files, folders, patterns. */
import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { InputError } from '../../model/input-error.ts';

const RECORDING = /\.jsonl(\.gz)?$/;

/**
 * @param folder that relative ones start from
 * @returns paths as written, those of folders and patterns sorted. Throws InputError where one means nothing.
 */
export function recordingsOf(given: readonly string[], folder: string): string[] {
  const all = given.flatMap((path) => {
    const found = path.includes('*') ? matching(path, folder) : named(path, folder);
    if (found.length > 0) return found;
    throw new InputError(`conformance.recordings: ${path} holds no recording (*.jsonl.gz, *.jsonl): check the path`);
  });
  return [...new Set(all)];
}

function named(path: string, folder: string): string[] {
  const status = statSync(resolve(folder, path), { throwIfNoEntry: false });
  if (!status) return [];
  return status.isDirectory() ? within(path, folder, RECORDING) : [path];
}

function matching(path: string, folder: string): string[] {
  const parent = dirname(path);
  if (parent.includes('*')) throw new InputError(`conformance.recordings: ${path}: "*" may be in the last part only`);
  if (!statSync(resolve(folder, parent), { throwIfNoEntry: false })?.isDirectory()) return [];
  const parts = basename(path).split('*');
  const literal = parts.map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return within(parent, folder, new RegExp(`^${literal.join('.*')}$`));
}

function within(path: string, folder: string, names: RegExp): string[] {
  const entries = readdirSync(resolve(folder, path), { withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory() && names.test(entry.name));
  return files.map(({ name }) => join(path, name)).sort();
}
