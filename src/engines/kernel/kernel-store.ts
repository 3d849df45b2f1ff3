/** Kernels in the cache: taken out of Debian packages, found again by version. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { EngineUnavailable } from '../engine-unavailable.ts';
import { downloadPackages, findKernelPackages, type PackageSource } from './apt.ts';
import { buildOnce, writeAtomically } from './cache.ts';
import { keepWhatBoots } from './kernel-files.ts';
import { isCloudFlavour, type KernelPackage } from './package-choice.ts';
import { runTool } from './tool.ts';

/** A kernel in the cache. */
export interface StoredKernel {
  /** As in the engine's name, such as "6.12". */
  readonly version: string;
  /** As `uname -r` has it. */
  readonly release: string;
  readonly flavour: 'cloud' | 'stock';
  /** What it was taken from. */
  readonly packages: readonly KernelPackage[];
  /** Folder with `vmlinuz` and `modules/`. */
  readonly folder: string;
}

const VERSION = /^\w[\w.+~-]{0,39}$/;

const storeOf = (cache: string) => join(cache, 'kernels');
const manifestOf = (cache: string, version: string) => join(storeOf(cache), `${version}.json`);

/** Downloads the newest kernel of a version and stores it. Throws EngineUnavailable. */
export function fetchKernel(cache: string, source: PackageSource, version: string): StoredKernel {
  checkVersion(version);
  const packages = findKernelPackages(source, version);
  const key = packages.map(({ name, version: full }) => `${name}=${full}`).join();
  return storeKernel(cache, version, packages, key, (folder) => {
    downloadPackages(source, packages, folder);
    return readdirSync(folder).map((name) => join(folder, name));
  });
}

/** Stores the kernel that the .deb files hold. Throws EngineUnavailable. */
export function storePackageFiles(cache: string, version: string, files: readonly string[]): StoredKernel {
  checkVersion(version);
  const hash = createHash('sha256');
  for (const file of files) hash.update(readPackage(file));
  const packages = files.map((file) => {
    const fields = runTool('dpkg-deb', ['--field', file, 'Package', 'Version']).toString();
    const [name, full] = ['Package', 'Version'].map((field) => new RegExp(`^${field}: (.*)$`, 'm').exec(fields)?.[1]);
    return { name: name ?? basename(file), version: full ?? '' };
  });
  return storeKernel(cache, version, packages, hash.digest('hex'), () => [...files]);
}

function checkVersion(version: string): void {
  if (!VERSION.test(version)) throw new EngineUnavailable(`"${version}" is no version of a kernel: give 6.12, say`);
}

function readPackage(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new EngineUnavailable(
      `package ${file} cannot be read (${(error as NodeJS.ErrnoException).code}): check the path`,
    );
  }
}

/** `key` names the content; `obtain` puts the packages into a folder and returns their paths. */
function storeKernel(
  cache: string,
  version: string,
  packages: readonly KernelPackage[],
  key: string,
  obtain: (folder: string) => string[],
): StoredKernel {
  const name = createHash('sha256').update(key).digest('hex').slice(0, 12);
  const folder = buildOnce(join(storeOf(cache), name), (temporary) => {
    const [downloads, tree, kept] = [join(temporary, 'downloads'), join(temporary, 'tree'), join(temporary, 'kept')];
    mkdirSync(downloads);
    for (const file of obtain(downloads)) runTool('dpkg-deb', ['-x', file, tree]);
    mkdirSync(kept);
    keepWhatBoots(tree, kept);
    writeFileSync(join(kept, SUMS), fileSums(kept));
    return kept;
  });
  const release = readFileSync(join(folder, 'release'), 'utf8').trim();
  const flavour = packages.some((part) => isCloudFlavour(part.name)) ? 'cloud' : 'stock';
  const manifest = { version, release, flavour, packages, folder: name } as const;
  writeAtomically(manifestOf(cache, version), `${JSON.stringify(manifest, null, 2)}\n`);
  return { ...manifest, folder };
}

/** Of the files in a kernel's folder, as sha256sum(1) writes them and `sha256sum -c` checks them. */
const SUMS = 'SHA256SUMS';

const sumOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

function fileSums(folder: string): string {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(join(folder, name)).isFile(),
  );
  return names
    .sort()
    .map((name) => `${sumOf(join(folder, name))}  ${name}\n`)
    .join('');
}

/**
 * What is wrong with the files of a stored kernel, one line each.
 *
 * @returns null where nobody knows what they were: kernels that versions before this one have fetched
 */
export function kernelDamage({ folder }: StoredKernel): string[] | null {
  let sums: string;
  try {
    sums = readFileSync(join(folder, SUMS), 'utf8');
  } catch {
    return existsSync(join(folder, 'vmlinuz')) ? null : ['vmlinuz is missing'];
  }
  return sums
    .trimEnd()
    .split('\n')
    .flatMap((line) => {
      const [sum, name = ''] = line.split('  ');
      try {
        return sumOf(join(folder, name)) === sum ? [] : [`${name} has changed since it was fetched`];
      } catch (error) {
        return [`${name} cannot be read (${(error as NodeJS.ErrnoException).code})`];
      }
    });
}

/** Takes a stored kernel out of the cache: fetching it brings it back. */
export function removeKernel(cache: string, { version, folder }: StoredKernel): void {
  rmSync(manifestOf(cache, version), { force: true });
  rmSync(folder, { recursive: true, force: true });
}

/** The stored kernel of that version, or undefined. */
export function findKernel(cache: string, version: string): StoredKernel | undefined {
  if (!VERSION.test(version)) return undefined;
  try {
    const manifest = JSON.parse(readFileSync(manifestOf(cache, version), 'utf8')) as StoredKernel;
    return { ...manifest, folder: join(storeOf(cache), manifest.folder) };
  } catch {
    // Not there, or not ours: fetching writes it anew.
    return undefined;
  }
}

/** All stored kernels, by version. */
export function listKernels(cache: string): StoredKernel[] {
  let names: string[];
  try {
    names = readdirSync(storeOf(cache));
  } catch {
    return [];
  }
  return names
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => findKernel(cache, name.slice(0, -'.json'.length)) ?? [])
    .sort((a, b) => a.version.localeCompare(b.version, 'en', { numeric: true }));
}
