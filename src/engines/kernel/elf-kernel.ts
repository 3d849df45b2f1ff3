/** What a boot loader needs to know of a kernel's ELF file. */
import { EngineUnavailable } from '../engine-unavailable.ts';
import { elfTable, unlessCutOff } from './elf.ts';

/** Bytes of the file that go to a physical address. */
export interface Segment {
  readonly address: number;
  readonly content: Buffer;
}

export interface ElfKernel {
  readonly segments: readonly Segment[];
  /** Physical address of the 32-bit entry of the PVH protocol. */
  readonly entry: number;
}

/** Offsets in the ELF64 header and in program headers, and values of ELF. */
const PROGRAM_TABLE = 0x20;
const PROGRAM_ENTRY_SIZE = 0x36;
const PROGRAM_COUNT = 0x38;
const P_TYPE = 0x00;
const P_OFFSET = 0x08;
const P_ADDRESS = 0x18;
const P_SIZE = 0x20;
const PT_LOAD = 1;
const PT_NOTE = 4;
/** Note of Xen's, which other hypervisors use as well: XEN_ELFNOTE_PHYS32_ENTRY. */
const NOTE_OWNER = 'Xen\0';
const NOTE_ENTRY = 18;

/** Not with bits: sizes are u32, and a negative one would lead back. */
const aligned = (size: number) => Math.ceil(size / 4) * 4;

function entryIn(notes: Buffer): number | undefined {
  for (let offset = 0; offset + 12 <= notes.length; ) {
    const [nameSize, size, type] = [0, 4, 8].map((field) => notes.readUInt32LE(offset + field)) as [
      number,
      number,
      number,
    ];
    const name = notes.toString('latin1', offset + 12, offset + 12 + nameSize);
    const content = offset + 12 + aligned(nameSize);
    if (name === NOTE_OWNER && type === NOTE_ENTRY) return notes.readUInt32LE(content);
    offset = content + aligned(size);
  }
  return undefined;
}

/** Throws EngineUnavailable if the file is cut off, or has no PVH entry (`CONFIG_PVH`). `name` is for the message. */
export function parseElfKernel(elf: Buffer, name: string): ElfKernel {
  const kernel = unlessCutOff(() => parseWhole(elf, name));
  if (kernel) return kernel;
  throw new EngineUnavailable(`${name} is cut off or damaged: get it again`);
}

function parseWhole(elf: Buffer, name: string): ElfKernel {
  const table = Number(elf.readBigUInt64LE(PROGRAM_TABLE));
  const size = elf.readUInt16LE(PROGRAM_ENTRY_SIZE);
  const headers = elfTable(elf, table, size, elf.readUInt16LE(PROGRAM_COUNT));
  const of = (type: number) =>
    headers
      .filter((header) => header.readUInt32LE(P_TYPE) === type)
      .map((header): Segment => {
        const start = Number(header.readBigUInt64LE(P_OFFSET));
        const end = start + Number(header.readBigUInt64LE(P_SIZE));
        const address = Number(header.readBigUInt64LE(P_ADDRESS));
        if (end > elf.length || !Number.isSafeInteger(address)) throw new RangeError('a segment outside of the file');
        return { address, content: elf.subarray(start, end) };
      });
  const entry = of(PT_NOTE)
    .map(({ content }) => entryIn(content))
    .find((address) => address !== undefined);
  if (entry === undefined) {
    throw new EngineUnavailable(`${name} has no PVH entry point: configure the kernel with CONFIG_PVH=y`);
  }
  return { segments: of(PT_LOAD), entry };
}
