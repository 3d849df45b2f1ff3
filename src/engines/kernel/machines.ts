/** From the name of a kernel engine to what is to be started, with everything that takes built. */
import { accessSync, constants, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { EngineUnavailable } from '../engine-unavailable.ts';
import { MAILBOX_GEOMETRY } from '../remote/mailbox.ts';
import type { Launch } from '../remote/transport.ts';
import { BOCHS_CHANNEL, bochsLaunch } from './bochs.ts';
import { bochsObstacle } from './bochs-parts.ts';
import { cachedBootDisk, fastestImage } from './boot-image.ts';
import { buildHelper, helperObstacle } from './build-native.ts';
import { cacheFolder } from './cache.ts';
import { type EmulatedKernel, type KernelEngine, parseKernelEngine } from './engine-name.ts';
import { cachedInitramfs, type ModuleParameters } from './initramfs.ts';
import { kernelCommandLine } from './kernel-arguments.ts';
import { findKernel } from './kernel-store.ts';
import { CHANNEL_MODULES, KVM_MODULE, modulesToLoad } from './module-tree.ts';
import { QEMU, QEMU_CHANNEL, qemuCommand } from './qemu.ts';
import { findTool, installCommand } from './tool.ts';

/** CPU mode that guests run in, by its number in the engine protocol. */
export const GUEST_MODES = ['long', 'protected', 'real'] as const;

/** Plain data. */
export interface KernelOptions {
  /** Default: long. */
  readonly guestMode?: (typeof GUEST_MODES)[number];
  /** A user's own bzImage, instead of a stored kernel's. */
  readonly kernelImage?: string | undefined;
  /** Folder of that kernel's modules, as from `make modules_install INSTALL_MOD_PATH=`; absent: all are built in. */
  readonly modules?: string | undefined;
  readonly moduleParameters?: ModuleParameters | undefined;
}

export type Availability =
  | { readonly available: true }
  /** One line, with the command that mends it. */
  | { readonly available: false; readonly missing: string };

const NATIVE_START_MS = 10_000;
const EMULATOR_START_MS = 120_000;
const DEVICE = '/dev/kvm';

/** Throws EngineUnavailable with what is missing. Builds the helper and the boot image if the cache lacks them. */
export function kernelLaunch(name: string, options: KernelOptions = {}): Launch {
  const engine = engineOf(name);
  const missing = obstacle(engine, options);
  if (missing !== undefined) throw new EngineUnavailable(missing);
  const cache = cacheFolder();
  const helper = buildHelper(cache);
  if (engine.route === 'native') {
    return { argv: [helper, '--channel=stdio'], transport: 'stdio', startMs: NATIVE_START_MS };
  }
  return { ...emulatorLaunch(cache, helper, engine, options), startMs: EMULATOR_START_MS };
}

function emulatorLaunch(cache: string, helper: string, engine: EmulatedKernel, options: KernelOptions) {
  const { image, modules } = kernelFiles(cache, engine.version, options);
  const roots = [...CHANNEL_MODULES[engine.route], KVM_MODULE[engine.route]];
  const loaded = modules === undefined ? [] : modulesToLoad(modules, roots);
  const initramfs = cachedInitramfs(cache, helper, loaded, options.moduleParameters);
  const log = process.env.MSRDIFF_KERNEL_LOG ? resolve(process.env.MSRDIFF_KERNEL_LOG) : undefined;
  const verbose = log === undefined ? [] : ['loglevel=7'];
  if (engine.route === 'svm') {
    const commandLine = kernelCommandLine(QEMU_CHANNEL, verbose);
    const argv = qemuCommand({ image: fastestImage(cache, image), initramfs, commandLine, log });
    return { argv, transport: 'stdio' } as const;
  }
  const disk = cachedBootDisk(cache, image, initramfs, kernelCommandLine(BOCHS_CHANNEL, ['nosmp', ...verbose]));
  return bochsLaunch({ disk, diskSize: statSync(disk).size, mailbox: MAILBOX_GEOMETRY, log });
}

/** Whether kernelLaunch can do it, short of building. Throws EngineUnavailable if the name is not a kernel engine's. */
export function availability(name: string, options: KernelOptions = {}): Availability {
  const missing = obstacle(engineOf(name), options);
  return missing === undefined ? { available: true } : { available: false, missing };
}

function engineOf(name: string): KernelEngine {
  const engine = parseKernelEngine(name);
  if (engine) return engine;
  throw new EngineUnavailable(`"${name}" is no kernel engine: give kvm, kvm-svm@VERSION or kvm-vmx@VERSION`);
}

function obstacle(engine: KernelEngine, options: KernelOptions): string | undefined {
  if (engine.route === 'native') return deviceObstacle() ?? helperObstacle(cacheFolder());
  const missing = engine.route === 'svm' ? qemuObstacle() : bochsObstacle();
  if (missing !== undefined) return missing;
  if (options.kernelImage === undefined && !findKernel(cacheFolder(), engine.version)) {
    return `kernel ${engine.version} is not in the cache: msrdiff kernel fetch ${engine.version}`;
  }
  return helperObstacle(cacheFolder());
}

function qemuObstacle(): string | undefined {
  return findTool(QEMU) ? undefined : `${QEMU} is not installed: ${installCommand(QEMU)}`;
}

function deviceObstacle(): string | undefined {
  try {
    accessSync(DEVICE, constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') {
      return `${DEVICE} may not be opened: add the user to its group (usermod -aG kvm USER)`;
    }
    return `this machine has no ${DEVICE}: use kvm-svm@VERSION or kvm-vmx@VERSION`;
  }
}

function kernelFiles(cache: string, version: string, { kernelImage, modules }: KernelOptions) {
  if (kernelImage === undefined) {
    const { folder } = findKernel(cache, version)!;
    return { image: join(folder, 'vmlinuz'), modules: join(folder, 'modules') };
  }
  const image = resolve(kernelImage);
  try {
    accessSync(image, constants.R_OK);
  } catch (error) {
    throw new EngineUnavailable(
      `kernel image ${image} cannot be read (${(error as NodeJS.ErrnoException).code}): check the path`,
    );
  }
  return { image, modules: modules === undefined ? undefined : resolve(modules) };
}
