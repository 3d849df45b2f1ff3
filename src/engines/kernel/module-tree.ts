/** A folder of kernel modules, and which of them to load in which order. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineUnavailable } from '../engine-unavailable.ts';
import { MODULE_FILE, moduleInfo, moduleName, readModule } from './module-file.ts';

export interface LoadedModule {
  readonly name: string;
  /** Uncompressed. */
  readonly content: Buffer;
}

/** The vendor's modules of KVM, and what a route's channel needs; a kernel may have any of them built in. */
export const KVM_MODULE = { svm: 'kvm_amd', vmx: 'kvm_intel' } as const;
export const CHANNEL_MODULES = { svm: ['virtio_pci', 'virtio_console'], vmx: [] } as const;

/** Module files below a folder by name, and the names that the kernel has built in as far as the folder says. */
interface Tree {
  readonly files: ReadonlyMap<string, string>;
  readonly builtIn: ReadonlySet<string>;
}

function scan(folder: string): Tree {
  const files = new Map<string, string>();
  const builtIn = new Set<string>();
  let names: string[];
  try {
    names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  } catch (error) {
    throw new EngineUnavailable(
      `modules folder ${folder} cannot be read (${(error as NodeJS.ErrnoException).code}): check the path`,
    );
  }
  for (const name of names) {
    const path = join(folder, name);
    if (/(^|\/)modules\.builtin$/.test(name)) {
      for (const line of readFileSync(path, 'utf8').split('\n')) if (line !== '') builtIn.add(moduleName(line));
    } else if (MODULE_FILE.test(name)) {
      files.set(moduleName(name), path);
    }
  }
  return { files, builtIn };
}

/**
 * The modules called `roots` and all that they depend on, each after those it depends on. Roots that are not there are
 * taken to be built in. Throws EngineUnavailable if a dependency is missing or releases are mixed.
 */
export function modulesToLoad(folder: string, roots: readonly string[]): LoadedModule[] {
  const { files, builtIn } = scan(folder);
  const order = new Map<string, LoadedModule>();
  let vermagic: string | undefined;
  const visit = (name: string, neededBy: string | undefined) => {
    if (order.has(name)) return;
    const path = files.get(name);
    if (path === undefined) {
      if (neededBy === undefined || builtIn.has(name)) return;
      throw new EngineUnavailable(
        `module ${name}, which ${neededBy} needs, is not below ${folder}: give the folder of "make modules_install"`,
      );
    }
    const content = readModule(path);
    const info = moduleInfo(content, path);
    vermagic ??= info.vermagic;
    if (info.vermagic !== vermagic) {
      throw new EngineUnavailable(
        `modules below ${folder} are of different kernels (${vermagic} and ${info.vermagic}): give the folder of one`,
      );
    }
    for (const dependency of info.depends) visit(dependency, name);
    order.set(name, { name, content });
  };
  for (const root of roots) visit(root, undefined);
  return [...order.values()];
}
