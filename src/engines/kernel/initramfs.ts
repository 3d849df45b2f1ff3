/** The initial RAM disk: the helper as `/init`, and the modules that it loads. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildOnce } from './cache.ts';
import { type CpioEntry, cpioArchive } from './cpio.ts';
import type { LoadedModule } from './module-tree.ts';

/** Parameters by module name, such as `{ kvm_intel: 'preemption_timer=0' }`. */
export type ModuleParameters = Readonly<Record<string, string>>;

/** KVM's prefix for instructions that its emulator is to run, without which that path is not reached. */
const BASE_PARAMETERS: ModuleParameters = { kvm: 'force_emulation_prefix=1' };

function moduleList(modules: readonly LoadedModule[], parameters: ModuleParameters): string {
  const line = (name: string) => [`${name}.ko`, BASE_PARAMETERS[name], parameters[name]].filter(Boolean).join(' ');
  return modules.map(({ name }) => `${line(name)}\n`).join('');
}

/** Bytes of the archive; modules in the order in which they are to be loaded. */
export function initramfs(
  helper: Uint8Array,
  modules: readonly LoadedModule[],
  parameters: ModuleParameters = {},
): Buffer {
  const entries: CpioEntry[] = [
    { kind: 'folder', path: 'dev' },
    // Standard output and error of PID 1.
    { kind: 'character-device', path: 'dev/console', major: 5, minor: 1 },
    { kind: 'folder', path: 'modules' },
    { kind: 'file', path: 'modules/list', content: Buffer.from(moduleList(modules, parameters)) },
    ...modules.map(({ name, content }): CpioEntry => ({ kind: 'file', path: `modules/${name}.ko`, content })),
    { kind: 'file', path: 'init', content: helper, executable: true },
  ];
  return cpioArchive(entries);
}

/** Path of the archive in the cache; `helper` is the path of the helper. */
export function cachedInitramfs(
  cache: string,
  helper: string,
  modules: readonly LoadedModule[],
  parameters?: ModuleParameters,
): string {
  const bytes = initramfs(readFileSync(helper), modules, parameters);
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  return buildOnce(join(cache, 'initramfs', `${hash}.cpio`), (temporary) => {
    const path = join(temporary, 'initramfs.cpio');
    writeFileSync(path, bytes);
    return path;
  });
}
