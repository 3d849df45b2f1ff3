import { describe, expect, it } from 'vitest';
import { REAL_FILTERS } from '../../corpus/real-filters.ts';
import type { MsrFilter } from '../../model/filter.ts';
import { NEWEST_PROFILE } from '../../model/profile.ts';
import { FilterSource } from '../../prove/random-filters.ts';
import { install } from '../decisions.ts';
import { sameDecisions } from '../difference.ts';
import { readC } from './c-reader.ts';
import { formatList, readList } from './list.ts';
import { formatOf, readFilterBytes } from './read.ts';
import { readStrace } from './strace-reader.ts';
import { FILTER_FORMATS, writeFilter } from './write.ts';

const source = new FilterSource('5', NEWEST_PROFILE);
const FILTERS: readonly MsrFilter[] = [
  ...REAL_FILTERS.map(({ filter }) => filter),
  ...Array.from({ length: 20 }, (_, n) => source.filter(n)),
];
const bytesOf = (written: string | Uint8Array): Uint8Array =>
  typeof written === 'string' ? new TextEncoder().encode(written) : written;
const range = (flags: number, base: number, nmsrs: number, ...bitmap: number[]) => ({
  flags,
  base,
  nmsrs,
  bitmap: Uint8Array.from(bitmap),
});

describe('writeFilter and readFilterBytes', () => {
  it.each(FILTER_FORMATS)('%s: what is written is read again, and told from the other forms', (format) => {
    for (const filter of FILTERS) {
      const bytes = bytesOf(writeFilter(filter, format));
      expect(formatOf(bytes, 'f')).toBe(format);
      expect(readFilterBytes(bytes, format, 'f')).toEqual(filter);
    }
  });

  it('list: the decisions are the same', () => {
    for (const filter of FILTERS) {
      const { errno, decisions } = install(filter, NEWEST_PROFILE);
      if (errno !== 0) continue;
      const text = formatList(decisions, filter.flags === 0 ? 'allow' : 'deny');
      expect(formatOf(bytesOf(text), 'f')).toBe('list');
      const again = install(readFilterBytes(bytesOf(text), 'list', 'f'), NEWEST_PROFILE);
      expect(sameDecisions(decisions, again.decisions)).toBe(true);
    }
  });
});

/** In the style of tools/testing/selftests/kvm/x86/userspace_msr_exit_test.c. */
const SELFTEST_STYLE = `
#define MSR_NON_EXISTENT 0x474f4f00 /* not a real one */
static u64 deny_bits = 0;
struct kvm_msr_filter filter_allow = {
	.flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
	.ranges = {
		{
			.flags = KVM_MSR_FILTER_READ |
				 KVM_MSR_FILTER_WRITE,
			.nmsrs = 1,
			/* An MSR the kernel knows about. */
			.base = MSR_IA32_XSS,
			.bitmap = (uint8_t*)&deny_bits,
		}, {
			.flags = KVM_MSR_FILTER_READ,
			.nmsrs = 1,
			.base = MSR_NON_EXISTENT + 1,
			.bitmap = (uint8_t*)&deny_bits,
		},
	},
};
static uint8_t bitmap_00000000[KVM_MSR_FILTER_MAX_BITMAP_SIZE];
struct kvm_msr_filter filter_deny = {
	.flags = KVM_MSR_FILTER_DEFAULT_DENY,
	.ranges = { { .flags = 1, .nmsrs = 8, .base = 0, .bitmap = bitmap_00000000 } },
};
`;

describe('readC', () => {
  it('reads what selftests write', () => {
    expect(readC(SELFTEST_STYLE, 'f.c', 'filter_allow')).toEqual({
      flags: 0,
      ranges: [range(3, 0xda0, 1, 0, 0, 0, 0, 0, 0, 0, 0), range(1, 0x474f4f01, 1, 0, 0, 0, 0, 0, 0, 0, 0)],
    });
  });

  it.each([
    ['{ .flags = 1, .ranges = { [1] = { 3, 2, 0x10, (__u8[]){ 0x03 } } } }', [0, 0, 0], range(3, 0x10, 2, 3)],
    [
      'struct kvm_msr_filter f = { 0, { { BIT(0) | BIT(1), 1 << 3, 0x10u, (u8*)"\\xff\\1\\n" } } };',
      undefined,
      range(3, 0x10, 8, 255, 1, 10, 0),
    ],
    [
      'static __u32 b[2] = { [1] = 0x01020304 };\nstruct kvm_msr_filter f = { .ranges = { { .flags = 2, .nmsrs = 64, .base = MSR_LSTAR, .bitmap = (void *)&b[0] } } };',
      undefined,
      range(2, 0xc0000082, 64, 0, 0, 0, 0, 4, 3, 2, 1),
    ],
    [
      '__u8 b[8] = { [0 ... 7] = 0xff };\nstruct kvm_msr_filter f = { .ranges = { { 1, 64, 0, b } } };',
      undefined,
      range(1, 0, 64, 255, 255, 255, 255, 255, 255, 255, 255),
    ],
  ])('reads other styles, %#', (text, gap, expected) => {
    const { ranges } = readC(text, 'f.c');
    expect(ranges.at(-1)).toEqual(expected);
    expect(ranges.length).toBe(gap ? 2 : 1);
  });

  it.each([
    [SELFTEST_STYLE, /several filters, give one with --name: filter_allow \(line 4\), filter_deny \(line 23\)/],
    ['int x;', /no initializer/],
    ['struct kvm_msr_filter f = { .flags = 1, ', /f.c:1: the text ends/],
    ['struct kvm_msr_filter f = { .flag = 1 };', /f.c:1: unknown field flag; known here: flags, ranges/],
    ['\n\nstruct kvm_msr_filter f = { .flags = FOO };', /f.c:3: FOO is not known/],
    [
      'struct kvm_msr_filter f = { .ranges = { { .base = MSR_IA32_SYSENTER_CSS } } };',
      /nearest MSR is IA32_SYSENTER_CS/,
    ],
    ['struct kvm_msr_filter f = { .ranges = { [16] = { 1 } } };', /slot 16; a filter has 16/],
    ['struct kvm_msr_filter f = { .ranges = { { 1, 1, 1, nowhere } } };', /bitmap nowhere is not in the file/],
    ['struct kvm_msr_filter f = { .flags = 0x100000000 };', /is no u32/],
    ['struct kvm_msr_filter f = { .flags = 1 / 0 };', /division by zero/],
    ['struct kvm_msr_filter f = { .flags = 1 << 64 };', /shift by 64/],
    [`struct kvm_msr_filter f = ${'{'.repeat(50)}`, /nested deeper/],
    [`struct kvm_msr_filter f = { .flags = ${'('.repeat(5000)}1 };`, /nested deeper|expected "\)"|ends/],
    ['#define A B\n#define B A\nstruct kvm_msr_filter f = { .flags = A };', /is not known/],
    ['__u8 b[99999999] = { 1 };\nstruct kvm_msr_filter f = { .ranges = { { 1, 1, 1, b } } };', /at most 24576 bytes/],
  ])('refuses what is wrong, %#', (text, message) => {
    expect(() => readC(text, 'f.c')).toThrow(message);
  });

  it('knows that a program fills what has no initializer', () => {
    expect(() => readC(SELFTEST_STYLE, 'f.c', 'filter_deny')).toThrow(
      /f.c:25: the bitmap bitmap_00000000 has no initializer/,
    );
    expect(() => readC(SELFTEST_STYLE, 'f.c', 'nope')).toThrow(/no filter nope; there are filter_allow/);
  });
});

describe('readStrace', () => {
  it('says that strace prints an address', () => {
    const trace = 'ioctl(3, KVM_CREATE_VM, 0) = 4\nioctl(4, KVM_X86_SET_MSR_FILTER, 0x7ffff53f5bb0) = 0\n';
    expect(formatOf(bytesOf(trace), 't')).toBe('strace');
    expect(() => readStrace(trace, 't')).toThrow(/^t:2: strace printed the address/);
    expect(() => readStrace('ioctl(4, 0x4188aec6 /* KVM_X86_SET_MSR_FILTER */, 0x7ffc) = 0', 't')).toThrow(/address/);
  });

  it('reads the struct in the style of strace', () => {
    const call =
      '[pid 7] ioctl(4<anon_inode:kvm-vm>, KVM_X86_SET_MSR_FILTER, {flags=KVM_MSR_FILTER_DEFAULT_DENY, ranges=[{flags=KVM_MSR_FILTER_READ|' +
      'KVM_MSR_FILTER_WRITE, nmsrs=3, base=0x174, bitmap="\\x07\\0\\0\\0\\0\\0\\0\\0"}, {flags=0x1, nmsrs=1, base=16, bitmap=[0x1, 0]}]}) = 0';
    expect(readStrace(call, 't')).toEqual({
      flags: 1,
      ranges: [range(3, 0x174, 3, 7, 0, 0, 0, 0, 0, 0, 0), range(1, 16, 1, 1, 0)],
    });
    expect(() => readStrace(call.replace('0"}', '0"...}'), 't')).toThrow(/cut short/);
    expect(() => readStrace(call.replace('[0x1, 0]', '0x7ffc'), 't')).toThrow(/an address/);
  });
});

describe('readList', () => {
  it('reads lines in any order of words', () => {
    const text = '# VMM\ndefault deny\nIA32_TSC r allow # time\nallow 0x174-0x176\n\n0x10, write, deny\n';
    expect(readList(text, 'l')).toEqual({
      default: 'deny',
      rules: [
        { msrs: [{ first: 0x10, last: 0x10 }], read: 'allow' },
        { msrs: [{ first: 0x174, last: 0x176 }], read: 'allow', write: 'allow' },
        { msrs: [{ first: 0x10, last: 0x10 }], write: 'deny' },
      ],
    });
  });

  it.each([
    ['0x10 r allow\n', /no line "default allow"/],
    ['default deny\ndefault deny\n', /l:2: a second default/],
    ['default maybe\n', /l:1: expected "default allow"/],
    ['default deny\n0x10 r\n', /l:2: expected an MSR/],
    ['default deny\n0x10 r allow now\n', /l:2: "now" is one word too many/],
    ['default deny\nIA32_TSCC r allow\n', /l:2: .*the nearest is IA32_TSC,/],
  ])('refuses %j', (text, message) => {
    expect(() => readList(text, 'l')).toThrow(message);
  });

  it('of what no filter can do', () => {
    expect(() => readFilterBytes(bytesOf('default deny\n0xffffffff r allow\n'), 'list', 'l')).toThrow(
      /no filter does this/,
    );
  });
});
