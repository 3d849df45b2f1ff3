/**
 * Inputs that are made to take long or to fill the memory, larger than those that the search makes: time without end
 * shows as the test's own limit, a stack that ends as another error than the refusal.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { parseGroundTruth } from '../../src/corpus/ground-truth.ts';
import { makeElf } from '../../src/engines/kernel/elf.fixture.ts';
import { parseElfKernel } from '../../src/engines/kernel/elf-kernel.ts';
import { readLimitedFile } from '../../src/files/read-limited.ts';
import { readFilterBytes } from '../../src/filters/formats/read.ts';
import { parseFilter } from '../../src/model/filter-json.ts';
import { InputError } from '../../src/model/input-error.ts';
import { parseJsonText } from '../../src/model/json-text.ts';
import { parseScenario } from '../../src/model/scenario-json.ts';
import { sharedFromFragment } from '../../web/route/share.ts';

function fromC(text: string): unknown {
  return readFilterBytes(new TextEncoder().encode(text), 'c', 'FILE');
}

function flagged(flags: string): string {
  return `struct kvm_msr_filter f = { .flags = ${flags} };\n`;
}

const macros = (count: number, body: (before: string) => string): string =>
  Array.from({ length: count }, (_, i) => `#define A${i + 1} ${body(`A${i}`)}`).join('\n');

describe('C', () => {
  it('evaluates a macro once, however often others name it', () => {
    const text = `${macros(30, (before) => `(${before}+${before})`)}\n#define A0 1\n${flagged('A30')}`;
    expect(fromC(text)).toMatchObject({ flags: 2 ** 30 });
  });

  it.each([
    [
      'macros that name macros',
      `${macros(20_000, (before) => before)}\n#define A0 1\n${flagged('A20000')}`,
      '32 others',
    ],
    ['operators', flagged(`${'~'.repeat(100_000)}1`), 'nested deeper'],
    ['parentheses', flagged(`${'('.repeat(100_000)}1${')'.repeat(100_000)}`), 'nested deeper'],
    ['brackets', flagged(`x${'[]'.repeat(100_000)}`), 'x is not known'],
    ['digits', flagged('1'.repeat(1_000_000)), 'is no number of C with at most 64 bits'],
    ['more than 64 bits', flagged('0x10000000000000001'), 'is no number of C with at most 64 bits'],
    ['an octal number with 9', flagged('019'), 'is no number of C'],
    [
      'elements that are set again',
      `__u8 b[] = { ${'[0 ... 24575] = 1, '.repeat(10_000)} };
       struct kvm_msr_filter f = { .ranges = { { .flags = 3, .nmsrs = 8, .bitmap = b } } };`,
      'elements are set',
    ],
  ])('%s', (_, text, problem) => {
    expect(() => fromC(text)).toThrow(InputError);
    expect(() => fromC(text)).toThrow(problem);
  });
});

describe('JSON', () => {
  it('a bitmap whose MSRs are listed again and again', () => {
    const bitmap = { allow: new Array(300_000).fill('0x0-0x2fff') };
    const filter = { flags: 'deny', ranges: [{ flags: 'rw', base: 0, nmsrs: 12288, bitmap }] };
    expect(parseFilter(filter, 'FILE').ranges[0]!.bitmap).toEqual(new Uint8Array(1536).fill(0xff));
  });

  it('levels without end', () => {
    const deep = `{"events":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expect(() => parseJsonText(deep, 'FILE')).toThrow('nested deeper than 64 levels');
    expect(parseJsonText(`"\\\\${'['.repeat(100)}\\""`, 'FILE')).toBe(`\\${'['.repeat(100)}"`);
  });

  it('a key without end is shown in part', () => {
    const message = (() => {
      try {
        parseScenario({ events: [], ['k'.repeat(1_000_000)]: 1 }, 'FILE');
      } catch (error) {
        return (error as Error).message;
      }
      return '';
    })();
    expect(message).toMatch(/^FILE: kkk.*known here: events$/);
    expect(message.length).toBeLessThanOrEqual(1000);
  });
});

describe('packed', () => {
  it('a recording that unpacks to more than is read', () => {
    const bomb = gzipSync(Buffer.alloc((1 << 28) + 1), { level: 1 });
    expect(() => parseGroundTruth(bomb, 'FILE.gz')).toThrow(
      /bytes unpack to more than 268435456, the most that is read/,
    );
  });

  it('an address that unpacks to more than is read', async () => {
    const bomb = deflateRawSync(Buffer.alloc(32 << 20, 0x20)).toString('base64url');
    expect(await sharedFromFragment(`#s=${bomb}`)).toBeUndefined();
  });
});

it('notes of a kernel that lead back', () => {
  const notes = Buffer.alloc(64);
  notes.writeUInt32LE(0xffff_fff0, 0);
  notes.writeUInt32LE(0xffff_fff4, 4);
  const kernel = makeElf({ segments: [{ type: 4, address: 0, content: notes }] });
  expect(() => parseElfKernel(kernel, 'FILE')).toThrow('FILE has no PVH entry point');
});

describe('files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'msrdiff-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('one that is larger, a device, and a pipe without end', () => {
    const path = join(folder, 'large');
    writeFileSync(path, 'x'.repeat(101));
    expect(readLimitedFile(path, 101, 'mend').length).toBe(101);
    expect(() => readLimitedFile(path, 100, 'split it')).toThrow('has 101 bytes, and at most 100 are read: split it');
    expect(() => readLimitedFile('/dev/zero', 100, 'mend')).toThrow('/dev/zero is a device: give a file');
    expect(() => readLimitedFile(join(folder, 'none'), 100, 'mend')).toThrow('cannot be read (ENOENT)');
    const pipe = join(folder, 'pipe');
    if (spawnSync('mkfifo', [pipe]).status !== 0) return;
    // It waits in open() until somebody reads.
    const writer = spawn('sh', ['-c', `exec yes > '${pipe}'`], { stdio: 'ignore' });
    try {
      expect(() => readLimitedFile(pipe, 1000, 'mend')).toThrow('has more than 1000 bytes');
    } finally {
      writer.kill();
    }
  });
});
