/** `msrdiff kernel fetch`: kernels out of Debian packages into the cache. */
import { type Command, InvalidArgumentError } from 'commander';
import { SYSTEM_SOURCE, suiteSource } from '../engines/kernel/apt.ts';
import { cacheFolder } from '../engines/kernel/cache.ts';
import { fetchKernel, type StoredKernel, storePackageFiles } from '../engines/kernel/kernel-store.ts';
import { InputError } from '../model/input-error.ts';
import { collect, jsonOption } from './options.ts';
import { table } from './render.ts';

interface FetchOptions {
  readonly suite?: string;
  readonly package?: string[];
  readonly json?: boolean;
}

function versionValue(text: string, all: string[] | undefined): string[] {
  if (!/^\d+(\.\d+)+$/.test(text)) throw new InvalidArgumentError('Give a kernel version, such as 6.12 or 6.12.117.');
  return collect(text, all);
}

export function addKernelFetch(kernel: Command): void {
  kernel
    .command('fetch')
    .argument('<version...>', 'kernel versions, such as 6.1 or 6.12: the newest build of each', versionValue)
    .description('get kernels from Debian packages, without installing them')
    .option('--suite <name>', "of Debian, such as trixie-backports or sid, instead of the system's package sources")
    .option('--package <file>', 'a .deb file to take the kernel from (repeatable: image, binary, modules)', collect)
    .addOption(jsonOption())
    .action((versions: string[], options: FetchOptions) => {
      const kernels = fetchAll(versions, options);
      process.stdout.write(`${options.json ? JSON.stringify({ kernels }) : kernelTable(kernels)}\n`);
    });
}

function fetchAll(versions: readonly string[], { suite, package: files }: FetchOptions): StoredKernel[] {
  const cache = cacheFolder();
  if (files) {
    const [version] = versions;
    if (version === undefined || versions.length > 1 || suite !== undefined) {
      throw new InputError('--package is for one version, without --suite: fetch the others apart');
    }
    return [storePackageFiles(cache, version, files)];
  }
  const source = suite === undefined ? SYSTEM_SOURCE : suiteSource(cache, suite);
  return versions.map((version) => {
    process.stderr.write(`msrdiff: fetching a kernel ${version} from ${source.description}\n`);
    return fetchKernel(cache, source, version);
  });
}

/** A line for each kernel. */
export function kernelTable(kernels: readonly StoredKernel[]): string {
  return table([
    ['version', 'release', 'flavour', 'packages'],
    ...kernels.map(({ version, release, flavour, packages }) => {
      const names = packages.map((part) => `${part.name} ${part.version}`);
      return [version, release, flavour, names.join(', ')];
    }),
  ]);
}
