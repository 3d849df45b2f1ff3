/**
 * The folder for what is downloaded and built: kernels, the helper, boot images. Everything in it is named by its
 * content or its source and complete, because it is built beside its place and then renamed: any number of processes
 * may build the same thing at once.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { createTemporaryFolder } from './temporary-folder.ts';

/** `$MSRDIFF_CACHE`, else `$XDG_CACHE_HOME/msrdiff`, else `~/.cache/msrdiff`. It need not exist. */
export function cacheFolder(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  const { MSRDIFF_CACHE: own, XDG_CACHE_HOME: shared } = environment;
  if (own) return resolve(own);
  // The XDG specification: a relative path is to be ignored.
  return join(shared && isAbsolute(shared) ? shared : join(homedir(), '.cache'), 'msrdiff');
}

/** Writes a file that others see either as it was or complete. */
export function writeAtomically(path: string, content: string | Uint8Array, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}-${randomBytes(6).toString('hex')}`;
  try {
    writeFileSync(temporary, content, { mode });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/**
 * Returns `path` of a folder or file that, once there, never changes; if it is not there, has `build` make it.
 * `build` gets an empty folder and returns the path in it that is to be renamed to `path`.
 */
export function buildOnce(path: string, build: (temporary: string) => string): string {
  if (existsSync(path)) return path;
  mkdirSync(dirname(path), { recursive: true });
  const temporary = createTemporaryFolder(dirname(path), 'build');
  try {
    const built = build(temporary);
    try {
      renameSync(built, path);
    } catch (error) {
      // Another process was faster: its result is as good.
      if (!['EEXIST', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return path;
}

/** How long boot images are kept that nobody uses, in milliseconds. */
const KEEP_MS = 14 * 24 * 3600 * 1000;

/** As buildOnce, for a file that is as large as it is easy to make again: removes what in its folder is long unused. */
export function buildForAWhile(path: string, build: (temporary: string) => string): string {
  const now = Date.now();
  if (!existsSync(path)) {
    buildOnce(path, build);
    for (const name of readdirSync(dirname(path))) {
      const other = join(dirname(path), name);
      try {
        if (statSync(other).mtimeMs < now - KEEP_MS) rmSync(other, { recursive: true, force: true });
      } catch {
        // Another process has removed it.
      }
    }
  }
  utimesSync(path, now / 1000, now / 1000);
  return path;
}
