/** What of a kernel's packages is needed to boot it and to load KVM: the rest, nine tenths, is not kept. */
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KernelUnavailable } from './kernel-unavailable.ts';
import { CHANNEL_MODULES, KVM_MODULE, modulesToLoad } from './module-tree.ts';
import { findTool, tryTool } from './tool.ts';

/** Debian puts the image into /boot or, newer, next to the modules. */
const IMAGE = /^(?:boot\/vmlinuz-([^/]+)|(?:usr\/)?lib\/modules\/([^/]+)\/vmlinuz)$/;

/** Fills the folder `kept` with `vmlinuz`, `release` and `modules/NAME.ko` from unpacked packages. */
export function keepWhatBoots(tree: string, kept: string): void {
  const images = readdirSync(tree, { recursive: true, encoding: 'utf8' }).flatMap((path) => {
    const match = IMAGE.exec(path);
    return match ? [{ path, release: match[1] ?? match[2]! }] : [];
  });
  const [image] = images;
  if (!image || images.length > 1) {
    throw new KernelUnavailable(
      `the packages hold ${images.length} kernels: give those of one (linux-image, linux-binary, linux-modules)`,
    );
  }
  const kvm = Object.values(KVM_MODULE);
  const modules = modulesToLoad(tree, [...CHANNEL_MODULES.svm, ...kvm]);
  for (const name of kvm) {
    if (modules.some((module) => module.name === name)) continue;
    throw new KernelUnavailable(`the packages of ${image.release} lack ${name}: give its linux-modules package too`);
  }
  copyFileSync(join(tree, image.path), join(kept, 'vmlinuz'));
  writeFileSync(join(kept, 'release'), `${image.release}\n`);
  const folder = join(kept, 'modules');
  mkdirSync(folder);
  for (const { name, content } of modules) {
    const path = join(folder, `${name}.ko`);
    writeFileSync(path, content);
    slim(path);
  }
}

/**
 * Type information, tables for unwinding the stack and for function tracing: a kernel sorts and checks them when it loads
 * a module, and nothing here uses them. With the symbols that only name things, they are most of what loading kvm takes.
 */
const UNUSED_SECTIONS = ['.BTF', '.orc_unwind', '.orc_unwind_ip', '__mcount_loc'];

/** Leaves the code as it is; an emulator loads the rest ten times as fast. */
function slim(path: string): void {
  if (!findTool('objcopy')) return;
  tryTool('objcopy', ['--strip-unneeded', ...UNUSED_SECTIONS.map((name) => `--remove-section=${name}`), path]);
}
