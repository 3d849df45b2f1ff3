import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { bootDisk, DISK_HEADS, DISK_SECTORS_PER_TRACK } from './boot-disk.ts';
import { makeElf } from './elf.fixture.ts';
import { elfSection } from './elf.ts';
import { uncompressedKernel, wipeTypeInformation } from './kernel-image.ts';

const LOAD = 1;
const NOTE = 4;
const ENTRY = 0x1000470;

function note(owner: string, type: number, content: Buffer): Buffer {
  const header = Buffer.alloc(12);
  [owner.length + 1, content.length, type].forEach((value, index) => {
    header.writeUInt32LE(value, index * 4);
  });
  const name = Buffer.alloc((owner.length + 4) & ~3);
  name.write(owner);
  return Buffer.concat([header, name, content, Buffer.alloc(-content.length & 3)]);
}

function entryNote(): Buffer {
  const address = Buffer.alloc(4);
  address.writeUInt32LE(ENTRY);
  return Buffer.concat([note('Xen', 6, Buffer.from('linux\0')), note('Xen', 18, address)]);
}

const text = new Uint8Array(1500).fill(0x90);
const data = Buffer.concat([new Uint8Array(600).fill(1), new Uint8Array(5000)]);
const kernel = makeElf({
  segments: [
    { type: LOAD, address: 0x1000000, content: text },
    { type: LOAD, address: 0x2000000, content: data },
    { type: NOTE, address: 0, content: entryNote() },
  ],
  sections: { '.BTF': Buffer.from('types') },
});

/** A bzImage as far as its header goes. */
function bzImage(payload: Buffer): Buffer {
  const image = Buffer.alloc(1024);
  image[0x1f1] = 1;
  image.writeUInt32LE(0x53726448, 0x202);
  image.writeUInt32LE(16, 0x248);
  image.writeUInt32LE(payload.length + 4, 0x24c);
  return Buffer.concat([image, Buffer.alloc(16), payload, Buffer.alloc(4)]);
}

describe('uncompressedKernel', () => {
  it('finds the kernel in a bzImage', () => {
    expect(uncompressedKernel(bzImage(gzipSync(kernel)), 'x').equals(kernel)).toBe(true);
    expect(uncompressedKernel(bzImage(kernel), 'x').equals(kernel)).toBe(true);
    expect(uncompressedKernel(kernel, 'x')).toBe(kernel);
  });

  it('refuses what is none', () => {
    expect(() => uncompressedKernel(Buffer.from('MZ'), 'x')).toThrow(/^x is no kernel image for x86-64: give /);
    expect(() => uncompressedKernel(bzImage(Buffer.from('BZh9')), 'x')).toThrow(/compressed in a way unknown here/);
  });

  it('is rid of type information by wipeTypeInformation, and of nothing else', () => {
    const wiped = Buffer.from(kernel);
    wipeTypeInformation(wiped);
    expect(elfSection(wiped, '.BTF')).toEqual(Buffer.alloc(5));
    expect(wiped.filter((byte, index) => byte !== kernel[index])).toHaveLength(5);
  });
});

describe('bootDisk', () => {
  const machine = {
    loader: Buffer.alloc(512),
    kernel,
    name: 'x',
    initramfs: Buffer.from('initramfs'),
    commandLine: 'quiet -- --channel=bochs',
    memoryMib: 512,
  };
  const disk = bootDisk(machine);
  const word = (offset: number) => disk.readUInt32LE(offset);

  it('plans runs of sectors to the addresses of segments, without zeros at the end of them', () => {
    expect(disk.length % (DISK_HEADS * DISK_SECTORS_PER_TRACK * 512)).toBe(0);
    const runs = Array.from({ length: 5 }, (_, run) => [0, 4, 8].map((field) => word(0x108 + run * 12 + field)));
    expect(runs).toEqual([
      [1, 3, 0x1000000],
      [4, 2, 0x2000000],
      [6, 1, 0x20000],
      [7, 1, 0x8000000],
      [0, 0, 0],
    ]);
    expect(disk.subarray(512, 512 + text.length).equals(text)).toBe(true);
    expect(disk.toString('latin1', 7 * 512, 7 * 512 + 9)).toBe('initramfs');
  });

  it('hands the kernel start information that points to itself', () => {
    const [entry, information] = [word(0x100), word(0x104)];
    expect(entry).toBe(ENTRY);
    const at = (address: number) => address - information! + 6 * 512;
    expect(word(at(information!))).toBe(0x336ec578);
    const [modules, commandLine, map, entries] = [16, 24, 40, 48].map((field) => word(at(information! + field)));
    expect([word(at(modules!)), word(at(modules! + 8))]).toEqual([0x8000000, 9]);
    expect(disk.toString('latin1', at(commandLine!), at(commandLine!) + 25)).toBe('quiet -- --channel=bochs\0');
    // The last entry ends with memory.
    expect(word(at(map! + (entries! - 1) * 24)) + word(at(map! + (entries! - 1) * 24 + 8))).toBe(512 << 20);
  });

  it('refuses a kernel without a PVH entry, and one that would reach the initial RAM disk', () => {
    const bare = makeElf({ segments: [{ type: LOAD, address: 0x1000000, content: text }] });
    expect(() => bootDisk({ ...machine, kernel: bare })).toThrow(/^x has no PVH entry point: .*CONFIG_PVH=y$/);
    const large = makeElf({
      segments: [
        { type: LOAD, address: 0x7ffff00, content: text },
        { type: NOTE, address: 0, content: entryNote() },
      ],
    });
    expect(() => bootDisk({ ...machine, kernel: large })).toThrow(/larger than 128 MiB/);
  });
});
