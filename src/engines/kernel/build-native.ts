/** Compiles the helper that drives /dev/kvm, from native/, on first use. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EngineUnavailable } from '../engine-unavailable.ts';
import { buildOnce } from './cache.ts';
import { findTool, installCommand, tryTool } from './tool.ts';

/** Static, because the initramfs has no libraries. */
const FLAGS = ['-O2', '-static', '-s', '-pthread', '-Wall', '-Wextra'];

/** native/ of the package, from src/ as well as from dist/. */
export function helperSources(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const native = join(folder, 'native');
    if (existsSync(join(native, 'channel.h'))) return native;
    if (folder === dirname(folder)) {
      throw new EngineUnavailable('the folder native/ is missing from the installation: install msrdiff again');
    }
  }
}

function compiler(): string {
  return process.env.CC || 'cc';
}

/** What keeps the helper from being had, as a line with the command that mends it; undefined if nothing does. */
export function helperObstacle(cache: string): string | undefined {
  if (existsSync(builtHelper(cache, helperSources()).path)) return undefined;
  return compilerObstacle();
}

function compilerObstacle(): string | undefined {
  if (findTool(compiler())) return undefined;
  return `no C compiler (${compiler()}) for the kernel helper: ${installCommand('cc')}`;
}

/** Where the helper of these sources is or belongs in the cache, and the sources' names. */
function builtHelper(cache: string, sources: string) {
  const names = readdirSync(sources)
    .filter((name) => /\.[chS]$/.test(name))
    .sort();
  const hash = createHash('sha256').update(JSON.stringify([process.arch, FLAGS]));
  for (const name of names) hash.update(`\0${name}\0`).update(readFileSync(join(sources, name)));
  return { path: join(cache, 'helper', `msrdiff-kvm-${hash.digest('hex').slice(0, 16)}`), names };
}

/** Path of the helper, compiled from `sources` unless the cache has it. Throws EngineUnavailable. */
export function buildHelper(cache: string, sources = helperSources()): string {
  const { path, names } = builtHelper(cache, sources);
  return buildOnce(path, (temporary) => {
    const obstacle = compilerObstacle();
    if (obstacle) throw new EngineUnavailable(obstacle);
    const output = join(temporary, 'msrdiff-kvm');
    const inputs = names.filter((name) => !name.endsWith('.h'));
    const { status, errors } = tryTool(compiler(), [...FLAGS, '-o', output, ...inputs], { folder: sources });
    if (status !== 0) throw new EngineUnavailable(failure(errors));
    return output;
  });
}

function failure(errors: string): string {
  if (/cannot find -l(c|pthread)\b|cannot find crt1\.o|fatal error: .*\.h: No such file/.test(errors)) {
    return `the C library's files for static programs are missing: ${installCommand('cc')}`;
  }
  const first = errors.split('\n').find((line) => /error/.test(line)) ?? errors.split('\n')[0];
  return `the kernel helper does not compile (${first?.trim()}): set CC to another C compiler`;
}
