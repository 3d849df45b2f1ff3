import { gzipSync } from 'node:zlib';
import { EngineUnavailable } from '../../../src/engines/engine-unavailable.ts';
import { makeElf, makeModule } from '../../../src/engines/kernel/elf.fixture.ts';
import { parseElfKernel } from '../../../src/engines/kernel/elf-kernel.ts';
import { uncompressedKernel, wipeTypeInformation } from '../../../src/engines/kernel/kernel-image.ts';
import { moduleInfo } from '../../../src/engines/kernel/module-file.ts';
import { accepted, expect, type Target } from '../target.ts';

function note(owner: string, type: number, content: Buffer): Buffer {
  const head = Buffer.alloc(12);
  [owner.length, content.length, type].forEach((value, field) => {
    head.writeUInt32LE(value, field * 4);
  });
  return Buffer.concat([head, Buffer.from(owner.padEnd((owner.length + 3) & ~3, '\0')), content]);
}

const kernel = makeElf({
  sections: { '.BTF': Buffer.from('types') },
  segments: [
    { type: 1, address: 0x100000, content: Buffer.from('text') },
    {
      type: 4,
      address: 0,
      content: Buffer.concat([note('GNU\0', 1, Buffer.alloc(4)), note('Xen\0', 18, Buffer.alloc(4))]),
    },
  ],
});

function bzImage(payload: Buffer): Buffer {
  const head = Buffer.alloc(1024);
  head[0x1f1] = 1;
  head.writeUInt32LE(0x53726448, 0x202);
  head.writeUInt32LE(payload.length + 4, 0x24c);
  return Buffer.concat([head, payload, Buffer.alloc(4)]);
}

/** ELF, bzImage and module files; what programs unpack (xz, zstd, lz4) is left to them. */
export const target: Target = {
  name: 'kernel-files',
  form: 'bytes',
  seeds: [kernel, bzImage(kernel), bzImage(gzipSync(kernel)), makeModule('kvm,irqbypass')],
  words: ['\u007fELF', 'Xen\u0000', 'HdrS', '.BTF', '.modinfo', 'depends=', 'vermagic=', '\u0012\u0000\u0000\u0000'],
  sources: ['src/engines/kernel/elf', 'src/engines/kernel/kernel-image', 'src/engines/kernel/module-file'],
  run(input) {
    const image = Buffer.from(input);
    const info = accepted(() => moduleInfo(image, 'FILE'), 'FILE', EngineUnavailable);
    if (info) expect(!info.depends.includes(''), 'a module without a name');
    // A payload that another program unpacks would start that program for every input.
    if (/28b52ffd|02214c18|fd377a585a00/.test(image.toString('hex'))) return;
    const elf = accepted(() => uncompressedKernel(image, 'FILE'), 'FILE', EngineUnavailable);
    if (!elf) return;
    const parsed = accepted(() => parseElfKernel(elf, 'FILE'), 'FILE', EngineUnavailable);
    if (!parsed) return;
    expect(parsed.entry >= 0 && parsed.entry < 2 ** 32, `the entry ${parsed.entry}`);
    for (const { address, content } of parsed.segments) {
      expect(Number.isSafeInteger(address) && address >= 0, `the address ${address}`);
      expect(content.length <= elf.length, 'a segment larger than the file');
    }
    const length = elf.length;
    wipeTypeInformation(elf);
    expect(elf.length === length, 'another length');
  },
};
