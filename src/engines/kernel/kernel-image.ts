/** Kernel images: the ELF file in a bzImage, which boots without the emulator having to decompress it. */
import { EngineUnavailable } from '../engine-unavailable.ts';
import { elfSection, isElf, unlessCutOff } from './elf.ts';
import { unpackedGzip } from './gzip.ts';
import { findTool, installCommand, tryTool } from './tool.ts';

/** Offsets in the setup header of the x86 boot protocol, and its magic number. */
const SETUP_SECTORS = 0x1f1;
const HEADER_MAGIC = 0x202;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;
const MAGIC = 0x53726448;
const SECTOR = 512;

/** How a payload starts, and the program that decompresses it. */
const COMPRESSIONS: readonly { readonly magic: string; readonly tool: string | undefined }[] = [
  { magic: '1f8b', tool: undefined },
  { magic: '28b52ffd', tool: 'zstd' },
  { magic: '02214c18', tool: 'lz4' },
  { magic: 'fd377a585a00', tool: 'xz' },
];

function payloadOf(image: Buffer): Buffer | undefined {
  if (image.length < PAYLOAD_LENGTH + 4 || image.readUInt32LE(HEADER_MAGIC) !== MAGIC) return undefined;
  const start = ((image[SETUP_SECTORS] || 4) + 1) * SECTOR + image.readUInt32LE(PAYLOAD_OFFSET);
  // The last four bytes are the size of what was compressed.
  return image.subarray(start, start + image.readUInt32LE(PAYLOAD_LENGTH) - 4);
}

/**
 * The ELF file of a kernel image: a bzImage's, or the image itself if it is one. `name` is for messages. Throws
 * EngineUnavailable if it is neither, or its compression's program is not installed.
 */
export function uncompressedKernel(image: Buffer, name: string): Buffer {
  if (isElf(image)) return image;
  const payload = payloadOf(image);
  if (!payload) throw new EngineUnavailable(`${name} is no kernel image for x86-64: give a bzImage or a vmlinux`);
  if (isElf(payload)) return payload;
  const start = payload.toString('hex', 0, 6);
  const compression = COMPRESSIONS.find(({ magic }) => start.startsWith(magic));
  if (!compression) {
    throw new EngineUnavailable(`${name} is compressed in a way unknown here: give the vmlinux it was made from`);
  }
  const { tool } = compression;
  if (tool === undefined) {
    const unpacked = unpackedGzip(payload, name);
    if (isElf(unpacked)) return unpacked;
    throw new EngineUnavailable(`${name} holds no ELF file: give a bzImage or a vmlinux`);
  }
  if (!findTool(tool))
    throw new EngineUnavailable(`${tool}, to decompress ${name}, is missing: ${installCommand(tool)}`);
  const { output, errors } = tryTool(tool, ['-dc'], { input: payload });
  if (!isElf(output)) {
    throw new EngineUnavailable(`${tool} cannot decompress ${name} (${errors.trim().split('\n')[0]}): get it again`);
  }
  return output;
}

/**
 * Wipes the kernel's type information (BTF) in place. A kernel parses it while it boots, a fifth of the time that this
 * takes in an emulator, and only for BPF programs.
 */
export function wipeTypeInformation(elf: Buffer): void {
  // A kernel without sections, or with a damaged table of them, boots as well.
  unlessCutOff(() => elfSection(elf, '.BTF'))?.fill(0);
}
