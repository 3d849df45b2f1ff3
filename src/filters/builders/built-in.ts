/**
 * How three VMMs make filters, as far as their sources were read; the names say whose code the rules are from. Each is
 * given what its code is given: MSRs, not a policy. What a policy says beyond that is lost, and that is what is shown.
 */
import {
  EINVAL,
  KVM_MSR_FILTER_DEFAULT_ALLOW,
  KVM_MSR_FILTER_DEFAULT_DENY,
  KVM_MSR_FILTER_MAX_BITMAP_SIZE,
  KVM_MSR_FILTER_MAX_NMSRS,
  KVM_MSR_FILTER_MAX_RANGES,
  KVM_MSR_FILTER_READ,
  KVM_MSR_FILTER_WRITE,
  type MsrFilterRange,
} from '../../model/filter.ts';
import type { IndexSet } from '../index-set.ts';
import { policyDecisions } from '../policy/policy.ts';
import type { FilterBuilder } from './contract.ts';

/**
 * QEMU: kvm_filter_msr() and kvm_install_msr_filters() in target/i386/kvm/kvm.c. A handler per denied MSR in one of 16
 * slots, each a range of one MSR with a u64 as its bitmap, and DEFAULT_ALLOW. A slot is empty if its `msr` is 0: the one
 * of MSR 0 is taken by the next handler. No slot: it fails, and QEMU ends.
 */
const qemu: FilterBuilder = {
  name: 'qemu',
  build(policy) {
    const [read, write] = policyDecisions(policy).map((set) => set.complement()) as [IndexSet, IndexSet];
    const slots: number[] = [];
    const denied = read.or(write);
    for (let msr = denied.next(0); msr <= 0xffff_ffff; msr = denied.next(msr + 1)) {
      if (slots.length === KVM_MSR_FILTER_MAX_RANGES) return EINVAL;
      if (msr !== 0) slots.push(msr);
    }
    const ranges = slots.map((msr): MsrFilterRange => {
      const flags = (read.has(msr) ? KVM_MSR_FILTER_READ : 0) | (write.has(msr) ? KVM_MSR_FILTER_WRITE : 0);
      return { flags, base: msr, nmsrs: 1, bitmap: new Uint8Array(8) };
    });
    return { flags: KVM_MSR_FILTER_DEFAULT_ALLOW, ranges };
  },
};

/**
 * crosvm: set_msr_filter(rd_msrs, wr_msrs). DEFAULT_ALLOW and at most two ranges of 12,288 MSRs at base 0, all ones but
 * for what is denied. An index that is greater is skipped without a word, and nothing to deny is no ioctl.
 */
const crosvm: FilterBuilder = {
  name: 'crosvm',
  build(policy) {
    const directions = [KVM_MSR_FILTER_READ, KVM_MSR_FILTER_WRITE];
    const ranges = policyDecisions(policy).flatMap((allowed, type): MsrFilterRange[] => {
      const denied = allowed.complement();
      if (denied.empty) return [];
      const bitmap = new Uint8Array(KVM_MSR_FILTER_MAX_BITMAP_SIZE).fill(0xff);
      for (let msr = denied.next(0); msr < KVM_MSR_FILTER_MAX_NMSRS; msr = denied.next(msr + 1)) {
        bitmap[msr >>> 3]! &= ~(1 << (msr & 7));
      }
      return [{ flags: directions[type]!, base: 0, nmsrs: KVM_MSR_FILTER_MAX_NMSRS, bitmap }];
    });
    return { flags: KVM_MSR_FILTER_DEFAULT_ALLOW, ranges };
  },
};

/**
 * A Rust VMM with a list of MSRs that the kernel is to handle: DEFAULT_DENY, and for each group of neighbours a range
 * for reads and writes with a bitmap of ones, of `count.div_ceil(8)` bytes, which the kernel reads past. The list has no
 * directions: an MSR is in it if it may be read and written. More than 16 groups, or one of more MSRs than a range
 * has, is an error.
 */
const rustGroups: FilterBuilder = {
  name: 'rust-groups',
  build(policy) {
    const [read, write] = policyDecisions(policy);
    const ranges: MsrFilterRange[] = [];
    for (const { first, last } of read.and(write).ranges()) {
      const nmsrs = last - first + 1;
      if (ranges.length === KVM_MSR_FILTER_MAX_RANGES || nmsrs > KVM_MSR_FILTER_MAX_NMSRS) return EINVAL;
      ranges.push({ flags: 3, base: first, nmsrs, bitmap: new Uint8Array(Math.ceil(nmsrs / 8)).fill(0xff) });
    }
    return { flags: KVM_MSR_FILTER_DEFAULT_DENY, ranges };
  },
};

export const BUILT_IN_BUILDERS: readonly FilterBuilder[] = [qemu, crosvm, rustGroups];
