/** Kernel module files: their compression, and what their `.modinfo` section says. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { EngineUnavailable } from '../engine-unavailable.ts';
import { elfSection, isElf, unlessCutOff } from './elf.ts';
import { unpackedGzip } from './gzip.ts';
import { runTool } from './tool.ts';

export const MODULE_FILE = /\.ko(\.xz|\.zst|\.gz)?$/;

/** Name as the kernel uses it: `kvm_amd` for `kvm-amd.ko.xz`. */
export function moduleName(path: string): string {
  return basename(path).replace(MODULE_FILE, '').replaceAll('-', '_');
}

/** The uncompressed module. */
export function readModule(path: string): Buffer {
  const bytes = readFileSync(path);
  if (path.endsWith('.gz')) return unpackedGzip(bytes, path);
  if (path.endsWith('.xz')) return runTool('xz', ['-dc'], { input: bytes });
  if (path.endsWith('.zst')) return runTool('zstd', ['-dc'], { input: bytes });
  return bytes;
}

export interface ModuleInfo {
  /** Release and options that it is built for, such as "6.1.0-56-cloud-amd64 SMP preempt mod_unload modversions". */
  readonly vermagic: string;
  /** Names of the modules whose symbols it uses. */
  readonly depends: readonly string[];
}

/** Throws EngineUnavailable if the bytes are no module; `path` is for the message. */
export function moduleInfo(module: Buffer, path: string): ModuleInfo {
  const section = isElf(module) ? unlessCutOff(() => elfSection(module, '.modinfo')) : undefined;
  const fields = section?.toString('latin1').split('\0');
  if (!fields) throw new EngineUnavailable(`${path} is no kernel module of an x86-64 kernel: check the folder`);
  const value = (key: string) => fields.find((field) => field.startsWith(`${key}=`))?.slice(key.length + 1) ?? '';
  const depends = value('depends')
    .split(',')
    .filter((name) => name !== '')
    .map(moduleName);
  return { vermagic: value('vermagic'), depends };
}
