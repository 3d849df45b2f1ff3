/** What of a kernel's packages is needed to boot it and to load KVM: the rest, nine tenths, is not kept. */
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineUnavailable } from '../engine-unavailable.ts';
import { CHANNEL_MODULES, KVM_MODULE, modulesToLoad } from './module-tree.ts';

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
    throw new EngineUnavailable(
      `the packages hold ${images.length} kernels: give those of one (linux-image, linux-binary, linux-modules)`,
    );
  }
  const kvm = Object.values(KVM_MODULE);
  const modules = modulesToLoad(tree, [...CHANNEL_MODULES.svm, ...kvm]);
  for (const name of kvm) {
    if (modules.some((module) => module.name === name)) continue;
    throw new EngineUnavailable(`the packages of ${image.release} lack ${name}: give its linux-modules package too`);
  }
  copyFileSync(join(tree, image.path), join(kept, 'vmlinuz'));
  writeFileSync(join(kept, 'release'), `${image.release}\n`);
  const folder = join(kept, 'modules');
  mkdirSync(folder);
  for (const { name, content } of modules) {
    writeFileSync(join(folder, `${name}.ko`), content);
  }
}
