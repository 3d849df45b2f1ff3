import { isDeepStrictEqual } from 'node:util';
import { filterToC } from '../../../src/filters/formats/c-writer.ts';
import { formatOf, readFilterBytes } from '../../../src/filters/formats/read.ts';
import { KVM_MSR_FILTER_MAX_BITMAP_SIZE } from '../../../src/model/filter.ts';
import { parseFilter } from '../../../src/model/filter-json.ts';
import { checkFilter } from '../check-filter.ts';
import { accepted, expect, type Target } from '../target.ts';
import { FILTER_SEEDS } from './filter-json.ts';

const STRACE =
  'ioctl(5, KVM_X86_SET_MSR_FILTER, {flags=KVM_MSR_FILTER_DEFAULT_DENY, ranges=[{flags=KVM_MSR_FILTER_READ|' +
  'KVM_MSR_FILTER_WRITE, nmsrs=8, base=0x174, bitmap="\\377\\x01\\n"}, {flags=0, nmsrs=0, base=0, bitmap=NULL}]}) = 0\n';
const C = `#define N 3
static __u8 bits[8] = { [0 ... 1] = 0x07, };
static __u64 wide[] = { BIT_ULL(3) | 1, ~0ULL };
struct kvm_msr_filter filter = {
  .flags = KVM_MSR_FILTER_DEFAULT_DENY,
  .ranges = { { .flags = KVM_MSR_FILTER_READ, .nmsrs = N, .base = MSR_IA32_SYSENTER_CS, .bitmap = bits },
    [2] = { .flags = 3, .nmsrs = 8 << 1, .base = 0xc0000080, .bitmap = (__u8[]){ 1, 2 } }, { 1, 65, 0, (__u8 *)wide } },
};
`;
const LIST = '# list\ndefault deny\nIA32_TSC r allow\n0x174-0x176 rw allow\n0xc0000080 w deny\n';

export const target: Target = {
  name: 'filter-formats',
  form: 'text',
  seeds: [C, STRACE, LIST, ...FILTER_SEEDS.map((text) => filterToC(parseFilter(JSON.parse(text), 'seed')))],
  words: [
    ...[
      'struct kvm_msr_filter',
      '.flags',
      '.ranges',
      '.nmsrs',
      '.base',
      '.bitmap',
      '= {',
      '},',
      '[0 ... 7] =',
      '#define ',
    ],
    ...[
      '(__u8[]){',
      '(__u8 *)',
      '__u64',
      'NULL',
      'BIT(',
      'BIT_ULL(',
      '<<',
      '>>',
      '~',
      '((',
      '))',
      '"\\377"',
      '"..."',
      '//',
    ],
    ...[
      'KVM_MSR_FILTER_READ',
      'KVM_MSR_FILTER_DEFAULT_ALLOW',
      'ioctl(5, KVM_X86_SET_MSR_FILTER, ',
      ') = 0',
      'default ',
    ],
    ...[
      'allow',
      'deny',
      ' r ',
      ' w ',
      ' rw ',
      'IA32_TSC',
      'MSR_EFER',
      '0x174-0x176',
      '0x0-0xffffffff',
      'N',
      "'a'",
      '/',
    ],
  ],
  sources: ['src/filters/formats/', 'src/filters/msr-range-text', 'src/filters/compile/'],
  run(input) {
    const filter = accepted(() => readFilterBytes(input, formatOf(input, 'FILE'), 'FILE'), 'FILE');
    if (!filter) return;
    checkFilter(filter);
    const limited = filter.ranges.every(({ bitmap }) => (bitmap?.length ?? 0) <= KVM_MSR_FILTER_MAX_BITMAP_SIZE);
    if (!limited) return;
    const bytes = new TextEncoder().encode(filterToC(filter));
    expect(formatOf(bytes, 'C') === 'c', 'C that is written is not known as C');
    const again = readFilterBytes(bytes, 'c', 'C');
    // In C, memory of no bytes and slots left out cannot be told from others.
    expect(isDeepStrictEqual(again, filter), 'C gives back another filter');
  },
};
