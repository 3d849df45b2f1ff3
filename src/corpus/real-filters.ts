/**
 * Filters that real programs set, and the examples of the mails and the documentation that shaped the interface:
 * the seeds of generated filters.
 *
 * A bitmap has the bytes that the program allocates. Where that is ceil(nmsrs / 8) bytes, the kernel, which reads
 * multiples of 8, reads past them; `expected` is then -EFAULT, what happens if the memory ends there, and a second
 * entry has the bitmap with the bytes that the kernel reads.
 */
import {
  EFAULT,
  EINVAL,
  KVM_MSR_EXIT_REASON_FILTER,
  KVM_MSR_EXIT_REASON_VALID_MASK,
  KVM_MSR_FILTER_DEFAULT_ALLOW,
  KVM_MSR_FILTER_DEFAULT_DENY,
  KVM_MSR_FILTER_MAX_BITMAP_SIZE,
  KVM_MSR_FILTER_MAX_NMSRS,
  KVM_MSR_FILTER_MAX_RANGES,
  KVM_MSR_FILTER_READ,
  KVM_MSR_FILTER_WRITE,
  type MsrFilter,
  type MsrFilterRange,
} from '../model/filter.ts';

export interface RealFilter {
  readonly id: string;
  readonly title: string;
  readonly source: string;
  /** The program's KVM_CAP_X86_USER_SPACE_MSR mask, 0 if it sets none or it is not known. */
  readonly mask: number;
  readonly filter: MsrFilter;
  /** Result of the ioctl on the profile 6.18. */
  readonly expected: 0 | -22 | -14;
  readonly note?: string;
}

const R = KVM_MSR_FILTER_READ;
const W = KVM_MSR_FILTER_WRITE;
const RW = R | W;
const EXIT_FILTER = KVM_MSR_EXIT_REASON_FILTER;
const EXIT_ALL = KVM_MSR_EXIT_REASON_VALID_MASK;

const allow = (...ranges: MsrFilterRange[]): MsrFilter => ({ flags: KVM_MSR_FILTER_DEFAULT_ALLOW, ranges });
const deny = (...ranges: MsrFilterRange[]): MsrFilter => ({ flags: KVM_MSR_FILTER_DEFAULT_DENY, ranges });

function range(flags: number, base: number, nmsrs: number, bitmap: Uint8Array): MsrFilterRange {
  return { flags, nmsrs, base, bitmap };
}

/** What the kernel reads for so many MSRs: a multiple of 8 bytes. */
const kernelBytes = (nmsrs: number): number => Math.ceil(nmsrs / 64) * 8;
/** What `count.div_ceil(8)` allocates. */
const roundedBytes = (nmsrs: number): number => Math.ceil(nmsrs / 8);

/** All ones, but for the MSRs (offsets in the range) that are denied. */
function ones(bytes: number, denied: readonly number[] = []): Uint8Array {
  const bitmap = new Uint8Array(bytes).fill(0xff);
  for (const bit of denied) bitmap[bit >>> 3] = bitmap[bit >>> 3]! & ~(1 << (bit & 7));
  return bitmap;
}

/** One MSR, denied, with a u64 as the bitmap. */
const denyOne = (flags: number, msr: number): MsrFilterRange => range(flags, msr, 1, new Uint8Array(8));

const MSR_IA32_TSC = 0x10;
const MSR_CORE_THREAD_COUNT = 0x35;
const MSR_IA32_FLUSH_CMD = 0x10b;
const MSR_IA32_POWER_CTL = 0x1fc;
const MSR_IA32_TSC_DEADLINE = 0x6e0;
const MSR_IA32_XSS = 0xda0;
const MSR_SYSCALL_MASK = 0xc0000084;
const MSR_FS_BASE = 0xc0000100;
const MSR_GS_BASE = 0xc0000101;
const MSR_TSC_AUX = 0xc0000103;
const MSR_NON_EXISTENT = 0x474f4f00;

/** deny_msr() of the selftest: `msr & (0x600 - 1)`, which drops bit 9 too; right for the three MSRs used. */
const selftestBit = (msr: number): number => msr & (KVM_MSR_FILTER_MAX_BITMAP_SIZE - 1);
const window = (flags: number, base: number, ...denied: number[]): MsrFilterRange =>
  range(flags, base, KVM_MSR_FILTER_MAX_NMSRS, ones(KVM_MSR_FILTER_MAX_BITMAP_SIZE, denied.map(selftestBit)));

function selftestDeny(lastBytes: number): MsrFilter {
  const last = new Uint8Array(lastBytes);
  last[0] = 1;
  return deny(
    window(R, 0),
    window(W, 0, MSR_IA32_POWER_CTL),
    window(RW, 0x40000000),
    window(R, 0xc0000000, MSR_SYSCALL_MASK, MSR_GS_BASE),
    window(W, 0xc0000000),
    range(RW, 0xdeadbeef, 1, last),
  );
}

/** The filters of tools/testing/selftests/kvm/x86/userspace_msr_exit_test.c. */
export const SELFTEST_FILTERS = {
  allow: allow(denyOne(RW, MSR_IA32_XSS), denyOne(RW, MSR_IA32_FLUSH_CMD), denyOne(RW, MSR_NON_EXISTENT)),
  deny: selftestDeny(8),
  fs: allow(denyOne(R, MSR_FS_BASE)),
  gs: allow(denyOne(R, MSR_GS_BASE)),
  none: allow(),
  /** user_exit_msr_flags, before it sets single flag bits. */
  flags: allow(denyOne(R, 0)),
} as const;

/** set_msr_filter() of crosvm: one read and one write range over all of [0, 12288); other indices are dropped. */
function crosvm(reads: readonly number[], writes: readonly number[]): MsrFilter {
  const ranges: MsrFilterRange[] = [];
  for (const [flags, msrs] of [
    [R, reads],
    [W, writes],
  ] as const) {
    const covered = msrs.filter((msr) => msr < KVM_MSR_FILTER_MAX_NMSRS);
    const bitmap = ones(KVM_MSR_FILTER_MAX_BITMAP_SIZE, covered);
    if (covered.length > 0) ranges.push(range(flags, 0, KVM_MSR_FILTER_MAX_NMSRS, bitmap));
  }
  return allow(...ranges);
}

/** Default deny, groups [first MSR, count] allowed in both directions. */
function allowGroups(groups: readonly (readonly [number, number])[], bytes: (nmsrs: number) => number): MsrFilter {
  return deny(...groups.map(([base, nmsrs]) => range(RW, base, nmsrs, ones(bytes(nmsrs)))));
}

const REPLAY_GROUPS = [
  [0x48, 1],
  [0x174, 3],
  [0x277, 1],
  [0xc0000080, 5],
  [0xc0000100, 4],
] as const;

const SNAPSHOT_GROUPS = [
  [0x174, 3],
  [0x277, 1],
  [0xc0000080, 5],
  [0xc0000100, 4],
] as const;

/** baud's configure_msr_filter(). */
const baud = (flags: number, bitmap: Uint8Array): MsrFilter =>
  allow(...[MSR_IA32_TSC, MSR_IA32_TSC_DEADLINE, MSR_TSC_AUX].map((msr) => range(flags, msr, 1, bitmap)));

/** Groups of denied MSRs, each the smallest range over them; as cloud-hypervisor's denied_msrs_to_filter() has it. */
const CLOUD_HYPERVISOR_GROUPS: readonly (readonly number[])[] = [
  [0x33, 0x3a],
  [0xe1],
  [0x10a, 0x122],
  [0x345],
  [0x480, 0x481, 0x48b, 0x491],
  [0xc0010114, 0xc0010117],
];

/** The bitmaps follow each other in one allocation: what is readable of each reaches to the end of the last. */
function cloudHypervisor(bytes: (nmsrs: number) => number): MsrFilter {
  const groups = CLOUD_HYPERVISOR_GROUPS.map((msrs) => {
    const base = msrs[0]!;
    const nmsrs = msrs.at(-1)! - base + 1;
    return {
      base,
      nmsrs,
      bitmap: ones(
        bytes(nmsrs),
        msrs.map((msr) => msr - base),
      ),
    };
  });
  const arena = Uint8Array.from(groups.flatMap(({ bitmap }) => [...bitmap]));
  let offset = 0;
  return allow(
    ...groups.map(({ base, nmsrs, bitmap }) => {
      const readable = arena.subarray(offset);
      offset += bitmap.length;
      return range(RW, base, nmsrs, readable);
    }),
  );
}

/** Both lists of Mattson's example: reads and writes over the same MSRs. */
const bothLists = (nmsrs: number): MsrFilter =>
  deny(range(R, 0, nmsrs, ones(kernelBytes(nmsrs))), range(W, 0, nmsrs, ones(kernelBytes(nmsrs))));

const QEMU = 'qemu/qemu target/i386/kvm/kvm.c, kvm_install_msr_filters()';
const SELFTEST = 'torvalds/linux 08c51f5b tools/testing/selftests/kvm/x86/userspace_msr_exit_test.c';
const BAUD = 'baud, a deterministic VMM on kvm-ioctls: configure_msr_filter()';
const REPLAY = 'a deterministic-replay VMM on kvm-ioctls: apply_default_deny_filter()';
const SNAPSHOT = 'a snapshotting VMM backend on kvm-ioctls: install_msr_filter(), `allow_inkernel`';
const CROSVM = 'crosvm hypervisor/src/kvm/x86_64.rs, set_msr_filter()';
const CLOUD_HYPERVISOR = 'cloud-hypervisor hypervisor/src/kvm/x86_64, denied_msrs_to_filter() (PR #8442)';
const MATTSON = 'Jim Mattson on "[PATCH v4 2/3] KVM: x86: Introduce allow list for MSR emulation", 19 Aug 2020';
const API = 'Documentation/virt/kvm/api.rst, "KVM_X86_SET_MSR_FILTER" (1a155254ff93)';
const CHOSEN = 'the MSRs are chosen here: the program takes them from its configuration';
const SHORT = 'bitmaps of ceil(nmsrs / 8) bytes; works only as long as the memory after them is readable';
const PADDED = 'with the bytes that the kernel reads';

export const REAL_FILTERS: readonly RealFilter[] = [
  {
    id: 'qemu-core-thread-count',
    title: 'QEMU answers MSR_CORE_THREAD_COUNT itself',
    source: `${QEMU} (00001a22)`,
    mask: EXIT_FILTER,
    filter: allow(denyOne(R, MSR_CORE_THREAD_COUNT)),
    expected: 0,
  },
  {
    id: 'qemu-rapl',
    title: 'QEMU with -accel kvm,rapl=true',
    source: `${QEMU}, kvm_vm_enable_energy_msrs() (00001a22)`,
    mask: EXIT_FILTER,
    filter: allow(...[MSR_CORE_THREAD_COUNT, 0x606, 0x610, 0x614, 0x611].map((msr) => denyOne(R, msr))),
    expected: 0,
    note: 'added one by one: each call sends the whole filter again',
  },
  {
    id: 'qemu-duplicate-handlers',
    title: 'QEMU after 16 calls of kvm_filter_msr() with the same MSR',
    source: 'Ani Sinha on qemu-devel: kvm_filter_msr() "will result in duplicate entries in the table"',
    mask: EXIT_FILTER,
    filter: allow(...Array.from({ length: KVM_MSR_FILTER_MAX_RANGES }, () => denyOne(R, MSR_CORE_THREAD_COUNT))),
    expected: 0,
  },
  {
    id: 'qemu-vsm',
    title: 'QEMU with Hyper-V VSM: writes of HV_X64_MSR_APIC_ASSIST_PAGE',
    source: 'QEMU fork with Hyper-V VSM, hw/hyperv/hyperv.c',
    mask: EXIT_FILTER,
    filter: allow(denyOne(R, MSR_CORE_THREAD_COUNT), denyOne(W, 0x40000073)),
    expected: 0,
  },
  {
    id: 'crosvm-read-write',
    title: 'crosvm, two ranges over all of [0, 12288)',
    source: CROSVM,
    mask: EXIT_ALL,
    filter: crosvm([0x198, 0x19c, 0x1a2, 0x1b1, 0x606, 0x611], [0x199, 0x1a0, 0x1b0]),
    expected: 0,
    note: CHOSEN,
  },
  {
    id: 'crosvm-dropped-msrs',
    title: 'crosvm asked to deny MSRs from 0x3000 on, too',
    source: CROSVM,
    mask: EXIT_ALL,
    filter: crosvm([0xce, 0xc0000080, 0xc0010015], [0xc0000080]),
    expected: 0,
    note: 'EFER and HWCR are dropped without a word, and with them the write range',
  },
  {
    id: 'baud',
    title: 'baud: TSC, TSC_DEADLINE and TSC_AUX to user space, as allocated',
    source: BAUD,
    mask: EXIT_FILTER,
    filter: baud(RW, new Uint8Array(1)),
    expected: EFAULT,
    note: SHORT,
  },
  {
    id: 'baud-padded',
    title: 'baud: TSC, TSC_DEADLINE and TSC_AUX to user space',
    source: BAUD,
    mask: EXIT_FILTER,
    filter: baud(RW, new Uint8Array(8)),
    expected: 0,
    note: `${PADDED}; writes of 0x6e0 may not exit (WRMSR fastpath), RDTSC and RDPID never do`,
  },
  {
    id: 'baud-first-form',
    title: 'baud before its first run on KVM: no range flags, bit set',
    source: `${BAUD}, earlier version`,
    mask: EXIT_FILTER,
    filter: baud(0, Uint8Array.of(1)),
    expected: EINVAL,
    note: 'with 5.10, which reads the bitmap before it looks at the flags, -EFAULT if the memory ends there',
  },
  {
    id: 'replay',
    title: 'deterministic-replay VMM: deny all but 14 MSRs, as allocated',
    source: REPLAY,
    mask: EXIT_FILTER,
    filter: allowGroups(REPLAY_GROUPS, roundedBytes),
    expected: EFAULT,
    note: SHORT,
  },
  {
    id: 'replay-padded',
    title: 'deterministic-replay VMM: deny all but 14 MSRs',
    source: REPLAY,
    mask: EXIT_FILTER,
    filter: allowGroups(REPLAY_GROUPS, kernelBytes),
    expected: 0,
    note: PADDED,
  },
  {
    id: 'allow-inkernel',
    title: 'VMM that lets KVM handle SYSENTER_CS, _ESP, _EIP alone, as allocated',
    source: `${SNAPSHOT}, configuration of its tests`,
    mask: EXIT_ALL,
    filter: allowGroups([[0x174, 3]], roundedBytes),
    expected: EFAULT,
    note: SHORT,
  },
  {
    id: 'allow-inkernel-padded',
    title: 'VMM that lets KVM handle SYSENTER_CS, _ESP, _EIP alone',
    source: `${SNAPSHOT}, configuration of its tests`,
    mask: EXIT_ALL,
    filter: allowGroups([[0x174, 3]], kernelBytes),
    expected: 0,
    note: PADDED,
  },
  {
    id: 'allow-inkernel-nested',
    title: 'the same VMM with nested VMX: IA32_FEATURE_CONTROL too',
    source: `${SNAPSHOT}, nested model`,
    mask: EXIT_ALL,
    filter: allowGroups([[0x3a, 1], ...SNAPSHOT_GROUPS], kernelBytes),
    expected: 0,
    note: `${PADDED}; the groups besides 0x3a are chosen here`,
  },
  {
    id: 'hyperlight',
    title: 'Hyperlight: deny everything but groups of contiguous MSRs',
    source: 'hyperlight-dev/hyperlight PR #991',
    mask: EXIT_FILTER,
    filter: allowGroups(
      [
        [0x1b, 1],
        [0x174, 3],
        [0x277, 1],
        [0xc0000080, 5],
        [0xc0000100, 3],
      ],
      kernelBytes,
    ),
    expected: 0,
    note: `up to 16 groups; ${CHOSEN}`,
  },
  {
    id: 'cloud-hypervisor',
    title: 'cloud-hypervisor: MSRs that a CPU profile denies, as allocated',
    source: CLOUD_HYPERVISOR,
    mask: 0,
    filter: cloudHypervisor(roundedBytes),
    expected: EFAULT,
    note: `bitmaps of ceil(nmsrs / 8) bytes one after the other, the last of them too short; ${CHOSEN}`,
  },
  {
    id: 'cloud-hypervisor-padded',
    title: 'cloud-hypervisor: MSRs that a CPU profile denies',
    source: CLOUD_HYPERVISOR,
    mask: 0,
    filter: cloudHypervisor(kernelBytes),
    expected: 0,
    note: `${PADDED}; ${CHOSEN}`,
  },
  {
    id: 'tdx-selftest',
    title: 'TDX selftest: reads of MISC_ENABLE and writes of POWER_CTL',
    source: 'tools/testing/selftests/kvm, TDX series: MSR read and write test',
    mask: 0,
    filter: deny(range(R, 0x1a0, 1, ones(8)), range(W, MSR_IA32_POWER_CTL, 1, ones(8))),
    expected: 0,
    note: 'the x2APIC ICR 0x830 stays usable',
  },
  {
    id: 'tdx-selftest-first',
    title: 'TDX selftest, earlier version: MTRRs',
    source: 'tools/testing/selftests/kvm, TDX series, earlier version: MSR read and write test',
    mask: 0,
    filter: deny(range(RW, 0x200, 1, ones(8)), range(R, 0x202, 1, ones(8)), range(W, 0x204, 1, ones(8))),
    expected: 0,
  },
  {
    id: 'selftest-filter-allow',
    title: 'selftest msr_filter_allow',
    source: SELFTEST,
    mask: EXIT_FILTER,
    filter: SELFTEST_FILTERS.allow,
    expected: 0,
  },
  {
    id: 'selftest-filter-deny',
    title: 'selftest msr_filter_deny, six ranges',
    source: SELFTEST,
    mask: EXIT_ALL,
    filter: SELFTEST_FILTERS.deny,
    expected: 0,
    note: PADDED,
  },
  {
    id: 'selftest-filter-deny-short',
    title: 'selftest msr_filter_deny with bitmap_deadbeef[1] as declared',
    source: SELFTEST,
    mask: EXIT_ALL,
    filter: selftestDeny(1),
    expected: EFAULT,
    note: SHORT,
  },
  {
    id: 'selftest-filter-fs',
    title: 'selftest msr_permission_bitmap, first filter',
    source: SELFTEST,
    mask: EXIT_FILTER,
    filter: SELFTEST_FILTERS.fs,
    expected: 0,
  },
  {
    id: 'selftest-filter-gs',
    title: 'selftest msr_permission_bitmap, second filter',
    source: SELFTEST,
    mask: EXIT_FILTER,
    filter: SELFTEST_FILTERS.gs,
    expected: 0,
  },
  {
    id: 'selftest-flags',
    title: 'selftest user_exit_msr_flags, one read range over MSR 0',
    source: SELFTEST,
    mask: 0,
    filter: SELFTEST_FILTERS.flags,
    expected: 0,
  },
  {
    id: 'mattson-128k',
    title: 'reads of 0-0x1ffff and writes of 0-0x1ffff, as he wrote it',
    source: MATTSON,
    mask: 0,
    filter: bothLists(0x20000),
    expected: EINVAL,
    note: 'a bitmap of 16,384 bytes; the limit is 1,536',
  },
  {
    id: 'mattson-8k',
    title: 'reads of 0-0x1fff and writes of 0-0x1fff',
    source: MATTSON,
    mask: 0,
    filter: bothLists(0x2000),
    expected: 0,
    note: 'two ranges over the same MSRs; 0x400 bytes each, the size he found more natural than 0x600',
  },
  {
    id: 'api-off',
    title: 'no ranges: filtering off',
    source: API,
    mask: 0,
    filter: SELFTEST_FILTERS.none,
    expected: 0,
  },
  {
    id: 'api-empty-deny',
    title: 'no ranges and DEFAULT_DENY',
    source: `${API}; 043248b3280c`,
    mask: 0,
    filter: deny(),
    expected: EINVAL,
    note: 'documented as filtering off until 043248b3280c',
  },
];
