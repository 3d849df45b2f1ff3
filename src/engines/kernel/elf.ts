/** The little of ELF64 files that kernels and modules need. */

const MAGIC = 0x7f454c46;
const HEADER_SIZE = 64;

export function isElf(bytes: Buffer): boolean {
  return bytes.length >= HEADER_SIZE && bytes.readUInt32BE(0) === MAGIC;
}

/** Offsets in ELF64 structures, bytes. */
const SECTION_TABLE = 0x28;
const SECTION_ENTRY_SIZE = 0x3a;
const SECTION_COUNT = 0x3c;
const SECTION_NAMES = 0x3e;
const SECTION_NAME = 0x00;
const SECTION_OFFSET = 0x18;
const SECTION_SIZE = 0x20;

/** The result of `read`, or undefined if it meets the end of the file in the middle of a structure. */
export function unlessCutOff<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) return undefined;
    throw error;
  }
}

/** Entries of a table, in place. Throws RangeError if it is not in the file. */
export function elfTable(elf: Buffer, start: number, size: number, count: number): Buffer[] {
  if (start + size * count > elf.length) throw new RangeError('a table outside of the file');
  return Array.from({ length: count }, (_, index) => elf.subarray(start + index * size, start + (index + 1) * size));
}

/** Content of a section, in place, or undefined. Throws RangeError or TypeError if the file is cut off. */
export function elfSection(elf: Buffer, name: string): Buffer | undefined {
  const table = Number(elf.readBigUInt64LE(SECTION_TABLE));
  const size = elf.readUInt16LE(SECTION_ENTRY_SIZE);
  const headers = elfTable(elf, table, size, elf.readUInt16LE(SECTION_COUNT));
  const content = (header: Buffer) => {
    const offset = Number(header.readBigUInt64LE(SECTION_OFFSET));
    return elf.subarray(offset, offset + Number(header.readBigUInt64LE(SECTION_SIZE)));
  };
  const names = content(headers[elf.readUInt16LE(SECTION_NAMES)]!);
  const found = headers.find((header) => {
    const start = header.readUInt32LE(SECTION_NAME);
    return names.toString('latin1', start, names.indexOf(0, start)) === name;
  });
  return found && content(found);
}
