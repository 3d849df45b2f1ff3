/** The initial RAM disk: the helper as `/init`, and the modules that it loads. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildForAWhile } from './cache.ts';
import { type CpioEntry, cpioArchive } from './cpio.ts';
import type { LoadedModule } from './module-tree.ts';
import { slimModule } from './slim-module.ts';

/** To be changed with what is made of the same input. */
const FORMAT = 1;

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
  const program = readFileSync(helper);
  const hash = createHash('sha256')
    .update(`${FORMAT}\0${moduleList(modules, parameters ?? {})}\0`)
    .update(program);
  for (const { content } of modules) hash.update(content);
  const path = join(cache, 'initramfs', `${hash.digest('hex').slice(0, 16)}.cpio`);
  return buildForAWhile(path, (temporary) => {
    const built = join(temporary, 'initramfs.cpio');
    const slim = modules.map((module) => slimModule(module, temporary));
    writeFileSync(built, initramfs(program, slim, parameters));
    return built;
  });
}
