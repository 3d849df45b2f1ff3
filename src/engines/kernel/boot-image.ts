/** What the emulators boot, made of a kernel and an initial RAM disk, in the cache. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineUnavailable } from '../engine-unavailable.ts';
import { BOCHS_MEMORY_MIB } from './bochs.ts';
import { assembleLoader, bootDisk, loaderSource } from './boot-disk.ts';
import { buildForAWhile } from './cache.ts';
import { parseElfKernel } from './elf-kernel.ts';
import { uncompressedKernel, wipeTypeInformation } from './kernel-image.ts';

/** To be changed with what is made of the same input. */
const FORMAT = 1;

/** Path of the file called by a hash of `inputs`; `make` returns its content. */
function cached(
  cache: string,
  kind: string,
  inputs: readonly (string | Buffer)[],
  make: (temporary: string) => Buffer,
) {
  const hash = createHash('sha256').update(String(FORMAT));
  for (const input of inputs) hash.update('\0').update(input);
  return buildForAWhile(join(cache, kind, hash.digest('hex').slice(0, 16)), (temporary) => {
    const path = join(temporary, kind);
    writeFileSync(path, make(temporary));
    return path;
  });
}

/** The kernel as an ELF file with a PVH entry, which every emulator boots faster. Throws EngineUnavailable. */
export function cachedElfKernel(cache: string, image: string): string {
  const bytes = readFileSync(image);
  return cached(cache, 'vmlinux', [bytes], () => {
    const elf = uncompressedKernel(bytes, image);
    parseElfKernel(elf, image);
    wipeTypeInformation(elf);
    return elf;
  });
}

/** The same, or the image itself if it cannot be had: its compression's program is missing, or the entry. */
export function fastestImage(cache: string, image: string): string {
  try {
    return cachedElfKernel(cache, image);
  } catch (error) {
    if (error instanceof EngineUnavailable) return image;
    throw error;
  }
}

/** The disk from which Bochs boots. */
export function cachedBootDisk(cache: string, image: string, initramfs: string, commandLine: string): string {
  const kernel = cachedElfKernel(cache, image);
  const inputs = [kernel, initramfs, commandLine, String(BOCHS_MEMORY_MIB), readFileSync(loaderSource())];
  return cached(cache, 'boot-disk', inputs, (temporary) =>
    bootDisk({
      loader: assembleLoader(temporary),
      kernel: readFileSync(kernel),
      name: image,
      initramfs: readFileSync(initramfs),
      commandLine,
      memoryMib: BOCHS_MEMORY_MIB,
    }),
  );
}
