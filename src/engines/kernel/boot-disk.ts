/** The disk from which Bochs starts a kernel: native/boot/loader.S, a plan for it, and what that puts into memory. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineUnavailable } from '../engine-unavailable.ts';
import { helperSources } from './build-native.ts';
import { type ElfKernel, parseElfKernel, type Segment } from './elf-kernel.ts';
import { runTool } from './tool.ts';

const SECTOR = 512;
/** Bochs wants whole cylinders: heads, sectors per track. */
export const DISK_HEADS = 16;
export const DISK_SECTORS_PER_TRACK = 63;
const CYLINDER = DISK_HEADS * DISK_SECTORS_PER_TRACK * SECTOR;

/** Where things go in the machine's memory. */
const INFORMATION = 0x20000;
const INITRAMFS = 0x8000000;

const MIB = 1 << 20;
/** From the real-mode BIOS's own memory to the end of its ROM, and at the end of memory, where it puts ACPI tables. */
const LOW_MEMORY_END = 0x9f000;
const TABLES = MIB;

/** Offset of the plan in the boot sector, and its end. */
const PLAN = 0x100;
const PLAN_END = 0x1fe;

/** struct hvm_start_info and what hangs on it (include/xen/interface/hvm/start_info.h of Linux). */
const START_MAGIC = 0x336ec578;
const START_SIZE = 56;
const MODULE_SIZE = 32;
const MAP_ENTRY_SIZE = 24;
const USABLE = 1;
const RESERVED = 2;

function startInformation(commandLine: string, initramfsBytes: number, memoryMib: number): Buffer {
  const map = [
    [0, LOW_MEMORY_END, USABLE],
    [LOW_MEMORY_END, MIB, RESERVED],
    [MIB, memoryMib * MIB - TABLES, USABLE],
    [memoryMib * MIB - TABLES, memoryMib * MIB, RESERVED],
  ] as const;
  const modules = INFORMATION + START_SIZE;
  const memory = modules + MODULE_SIZE;
  const text = memory + map.length * MAP_ENTRY_SIZE;
  const numbers: [size: 4 | 8, value: number][] = [
    // magic, version, flags, modules, their list, command line, ACPI's RSDP (0: look for it), memory map, entries, 0
    [4, START_MAGIC],
    [4, 1],
    [4, 0],
    [4, 1],
    [8, modules],
    [8, text],
    [8, 0],
    [8, memory],
    [4, map.length],
    [4, 0],
    // address, size, command line, 0
    [8, INITRAMFS],
    [8, initramfsBytes],
    [8, 0],
    [8, 0],
    // address, size, type, 0
    ...map.flatMap(([start, end, type]): [4 | 8, number][] => [
      [8, start],
      [8, end - start],
      [4, type],
      [4, 0],
    ]),
  ];
  const parts = numbers.map(([size, value]) => {
    const bytes = Buffer.alloc(size);
    bytes.writeUIntLE(value, 0, Math.min(size, 6));
    return bytes;
  });
  return Buffer.concat([...parts, Buffer.from(`${commandLine}\0`)]);
}

/** Memory starts as zeros. */
function withoutTrailingZeros({ address, content }: Segment): Segment {
  let end = content.length;
  while (end > 0 && content[end - 1] === 0) end--;
  return { address, content: content.subarray(0, end) };
}

export function loaderSource(): string {
  return join(helperSources(), 'boot', 'loader.S');
}

/** The boot sector without a plan, assembled; needs the helper's compiler. */
export function assembleLoader(folder: string): Buffer {
  const output = join(folder, 'loader.bin');
  const options = ['-m32', '-nostdlib', '-static', '-no-pie', '-Wl,--oformat=binary,-Ttext=0x7c00,--build-id=none'];
  runTool(process.env.CC || 'cc', [...options, '-o', output, loaderSource()], { folder });
  return readFileSync(output);
}

export interface BootDisk {
  /** Boot sector without a plan. */
  readonly loader: Buffer;
  /** The kernel's ELF file; `name` is for messages. */
  readonly kernel: Buffer;
  readonly name: string;
  readonly initramfs: Buffer;
  readonly commandLine: string;
  readonly memoryMib: number;
}

/** The disk's content, a whole number of cylinders. */
export function bootDisk({ loader, kernel, name, initramfs, commandLine, memoryMib }: BootDisk): Buffer {
  const { segments, entry }: ElfKernel = parseElfKernel(kernel, name);
  const runs = [
    ...segments,
    { address: INFORMATION, content: startInformation(commandLine, initramfs.length, memoryMib) },
    { address: INITRAMFS, content: initramfs },
  ]
    .map(withoutTrailingZeros)
    .filter(({ content }) => content.length > 0);
  if (runs.some(({ address, content }) => address < INITRAMFS && address + content.length > INITRAMFS)) {
    throw new EngineUnavailable(`${name} is larger than ${INITRAMFS / MIB} MiB: boot a smaller kernel`);
  }
  const sector = Buffer.from(loader);
  const plan = [entry, INFORMATION];
  let next = 1;
  for (const { address, content } of runs) {
    const count = Math.ceil(content.length / SECTOR);
    plan.push(next, count, address);
    next += count;
  }
  plan.push(0, 0, 0);
  if (PLAN + plan.length * 4 > PLAN_END) throw new EngineUnavailable(`${name} has too many segments: give another`);
  plan.forEach((number, index) => {
    sector.writeUInt32LE(number, PLAN + index * 4);
  });
  const disk = Buffer.alloc(Math.ceil((next * SECTOR) / CYLINDER) * CYLINDER);
  sector.copy(disk);
  next = 1;
  for (const { content } of runs) {
    content.copy(disk, next * SECTOR);
    next += Math.ceil(content.length / SECTOR);
  }
  return disk;
}
