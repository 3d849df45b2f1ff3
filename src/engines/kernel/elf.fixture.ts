/** Makes ELF64 files with the sections and segments that a test names. */

const HEADER = 64;
const PROGRAM_ENTRY = 56;
const SECTION_ENTRY = 64;

export interface ElfContent {
  readonly sections?: Readonly<Record<string, Uint8Array>>;
  readonly segments?: readonly { readonly type: number; readonly address: number; readonly content: Uint8Array }[];
}

export function makeElf({ sections = {}, segments = [] }: ElfContent): Buffer {
  const names = Buffer.from(['', ...Object.keys(sections), '.shstrtab', ''].join('\0'));
  const tables = [...Object.entries(sections), ['.shstrtab', names] as const];
  const programs = Buffer.alloc(PROGRAM_ENTRY * segments.length);
  const headers = Buffer.alloc(SECTION_ENTRY * (tables.length + 1));
  const parts: Uint8Array[] = [];
  let offset = HEADER + programs.length;
  const place = (content: Uint8Array) => {
    parts.push(content);
    offset += content.length;
    return BigInt(offset - content.length);
  };
  segments.forEach(({ type, address, content }, index) => {
    const at = index * PROGRAM_ENTRY;
    programs.writeUInt32LE(type, at);
    programs.writeBigUInt64LE(place(content), at + 0x08);
    programs.writeBigUInt64LE(BigInt(address), at + 0x18);
    programs.writeBigUInt64LE(BigInt(content.length), at + 0x20);
  });
  tables.forEach(([name, content], index) => {
    const at = (index + 1) * SECTION_ENTRY;
    headers.writeUInt32LE(names.indexOf(`\0${name}\0`) + 1, at);
    headers.writeBigUInt64LE(place(content), at + 0x18);
    headers.writeBigUInt64LE(BigInt(content.length), at + 0x20);
  });
  const header = Buffer.alloc(HEADER);
  header.writeUInt32BE(0x7f454c46, 0);
  header.writeBigUInt64LE(BigInt(HEADER), 0x20);
  header.writeBigUInt64LE(BigInt(offset), 0x28);
  header.writeUInt16LE(PROGRAM_ENTRY, 0x36);
  header.writeUInt16LE(segments.length, 0x38);
  header.writeUInt16LE(SECTION_ENTRY, 0x3a);
  header.writeUInt16LE(tables.length + 1, 0x3c);
  header.writeUInt16LE(tables.length, 0x3e);
  return Buffer.concat([header, programs, ...parts, headers]);
}

/** A module as far as its `.modinfo` goes. */
export function makeModule(depends: string, vermagic = '6.1.0 SMP'): Buffer {
  return makeElf({ sections: { '.modinfo': Buffer.from(`license=GPL\0depends=${depends}\0vermagic=${vermagic}\0`) } });
}
