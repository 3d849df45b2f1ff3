/** Mistakes in the VMX bitmap and in the exits of kvm_intel. Planted in the vmx engine. */
import { VmxVm } from '../../src/engines/vmx.ts';
import { type AccessBatch, ApicMode, type MsrPassthrough } from '../../src/model/scenario.ts';
import { Route, Verdict } from '../../src/model/verdict.ts';
import { ALLOW, apic, bugsOf, filter, R, range, read, W, wish, write } from './support.ts';

const LAYOUT = 'SDM vol. 3C, 26.6.9 "MSR-Bitmap Address"';
const OLD_MANUALS = `${LAYOUT}: early manuals have the write-low and read-high offsets the wrong way round`;
const RECALC = 'vmx_recalc_msr_intercepts(), on KVM_REQ_RECALC_INTERCEPTS';
const SET_INTERCEPT = 'vmx_set_intercept_for_msr(): a bit is clear if KVM wants it and the filter allows it';

/** A VM that puts a bit of a bitmap elsewhere. */
abstract class LayoutVm extends VmxVm {
  /** The offset in the page of the 0x400 bytes of a window and a type. */
  protected abstract quarter(high: boolean, type: number): number;

  protected override setIntercept(page: Uint8Array, index: number, type: number, intercept: boolean): void {
    if (page === this.page) this.forceNestedRecalc = true;
    const byte = this.quarter(index >= 0xc000_0000, type) + ((index & 0x1fff) >>> 3);
    const bit = 1 << (index & 7);
    page[byte] = intercept ? page[byte]! | bit : page[byte]! & ~bit;
  }
}

/** A VM whose exit fastpath completes more than WRMSR TSC_DEADLINE. */
function fastpathOf(index: number, type: number): typeof VmxVm {
  return class extends VmxVm {
    override access(batch: AccessBatch, verdicts: Uint8Array, routes: Uint8Array): void {
      super.access(batch, verdicts, routes);
      if (batch.form !== undefined && batch.form !== 'native' && batch.form !== 'immediate') return;
      batch.indices.forEach((at, i) => {
        if (at !== index || batch.types[i] !== type || routes[i] !== Route.INTERCEPTED) return;
        verdicts[i] = Verdict.ALLOW;
        routes[i] = Route.FASTPATH;
      });
      const { length } = batch.indices;
      if (length > 0) this.exitPending = verdicts[length - 1]! > Verdict.GP;
    }
  };
}

export const VMX_BUGS = bugsOf('bitmap', 'vmx', [
  {
    id: 'vmx-stale-after-filter',
    title: 'the bitmap is not updated when the filter changes',
    cite: RECALC,
    smallest: 3,
    example: [filter(ALLOW, [range(0x10, R)])],
    vm: class extends VmxVm {
      protected override filterChanged(): void {}
    },
  },
  {
    id: 'vmx-only-adds',
    title: 'a filter change adds intercepts and never removes one',
    cite: 'userspace_msr_exit_test.c, msr_permission_bitmap: interception is removed again',
    smallest: 4,
    example: [filter(ALLOW, [range(0x10, R)]), filter(ALLOW)],
    vm: class extends VmxVm {
      private adding = false;

      protected override filterChanged(): void {
        this.adding = true;
        for (let slot = 0; slot < this.candidates.length; slot++) this.applyCandidate(slot);
        this.adding = false;
      }

      protected override updateIntercept(index: number, type: number, wanted: boolean): void {
        if (this.adding && !wanted && this.tests(this.page, index, type)) return;
        super.updateIntercept(index, type, wanted);
      }
    },
  },
  {
    id: 'vmx-stale-on',
    title: 'an MSR that KVM wants to pass through from now on stays intercepted',
    cite: RECALC,
    smallest: 2,
    example: [wish([0x48, 'r'])],
    vm: class extends VmxVm {
      override setCandidates(changes: readonly MsrPassthrough[]): void {
        const page = this.page.slice();
        super.setCandidates(changes);
        for (let i = 0; i < page.length; i++) this.page[i] = this.page[i]! | page[i]!;
      }
    },
  },
  {
    id: 'vmx-stale-off',
    title: 'an MSR that KVM no longer wants to pass through stays open',
    cite: RECALC,
    smallest: 2,
    example: [wish([0x10, 'none'])],
    vm: class extends VmxVm {
      override setCandidates(changes: readonly MsrPassthrough[]): void {
        const page = this.page.slice();
        super.setCandidates(changes);
        for (let i = 0; i < page.length; i++) this.page[i] = this.page[i]! & page[i]!;
      }
    },
  },
  {
    id: 'vmx-wish-over-filter',
    title: 'a new wish for pass-through is applied without asking the filter',
    cite: SET_INTERCEPT,
    smallest: 5,
    example: [filter(ALLOW, [range(0x10, R)]), wish([0x10, 'r'])],
    vm: class extends VmxVm {
      private wishing = false;

      override setCandidates(changes: readonly MsrPassthrough[]): void {
        this.wishing = true;
        super.setCandidates(changes);
        this.wishing = false;
      }

      protected override filterAllows(index: number, type: number): number {
        return this.wishing ? 1 : super.filterAllows(index, type);
      }
    },
  },
  {
    id: 'vmx-apic-on',
    title: 'entering x2APIC mode does not update the bitmap',
    cite: 'vmx_update_msr_bitmap_x2apic()',
    smallest: 1,
    example: [apic(ApicMode.X2APIC)],
    vm: class extends VmxVm {
      override setApicMode(mode: ApicMode): void {
        this.apic = mode;
        if (mode !== ApicMode.X2APIC) this.updateX2apic();
      }
    },
  },
  {
    id: 'vmx-apic-off',
    title: 'leaving x2APIC mode does not update the bitmap (CVE-2016-4440 is of this kind)',
    cite: 'vmx_update_msr_bitmap_x2apic()',
    smallest: 2,
    example: [apic(ApicMode.X2APIC), apic(ApicMode.NONE)],
    vm: class extends VmxVm {
      override setApicMode(mode: ApicMode): void {
        this.apic = mode;
        if (mode === ApicMode.X2APIC) this.updateX2apic();
      }
    },
  },
  {
    id: 'vmx-apic-forgotten',
    title: 'the recalculation after a filter change leaves the x2APIC MSRs out',
    cite: RECALC,
    smallest: 2,
    example: [apic(ApicMode.X2APIC), filter(ALLOW)],
    vm: class extends VmxVm {
      private recalculating = false;

      protected override filterChanged(): void {
        this.recalculating = true;
        super.filterChanged();
        this.recalculating = false;
      }

      protected override updateX2apic(): void {
        if (!this.recalculating) super.updateX2apic();
      }
    },
  },
  {
    id: 'vmx-apic-inverted',
    title: 'x2APIC MSRs pass through without x2APIC mode, and are intercepted with it',
    cite: '628ade2d0816 "KVM: VMX: Fix x2APIC MSR intercept handling on !APICV platforms"',
    smallest: 1,
    example: [filter(ALLOW)],
    vm: class extends VmxVm {
      protected override updateX2apic(): void {
        const intercept = this.apic === ApicMode.X2APIC;
        this.updateIntercept(0x808, 0, intercept);
        this.updateIntercept(0x808, 1, intercept);
      }
    },
  },
  {
    id: 'vmx-windows-swapped',
    title: 'the low and the high window are mixed up',
    cite: LAYOUT,
    smallest: 0,
    example: [],
    vm: class extends LayoutVm {
      protected override quarter(high: boolean, type: number): number {
        return (high ? 0 : 0x400) + type * 0x800;
      }
    },
  },
  {
    id: 'vmx-old-layout',
    title: 'the write-low and read-high quarters are mixed up',
    cite: OLD_MANUALS,
    smallest: 0,
    example: [],
    vm: class extends LayoutVm {
      protected override quarter(high: boolean, type: number): number {
        return (high ? 0x800 : 0) + type * 0x400;
      }
    },
  },
  {
    id: 'vmx-types-swapped',
    title: 'read and write halves of the bitmap are mixed up',
    cite: LAYOUT,
    smallest: 0,
    example: [],
    vm: class extends LayoutVm {
      protected override quarter(high: boolean, type: number): number {
        return (high ? 0x400 : 0) + (1 - type) * 0x800;
      }
    },
  },
  {
    id: 'vmx-write-by-read',
    title: 'the write intercept follows what the filter says of reads',
    cite: SET_INTERCEPT,
    smallest: 3,
    example: [filter(ALLOW, [range(0x174, R)])],
    vm: class extends VmxVm {
      protected override updateIntercept(index: number, type: number, wanted: boolean): void {
        this.setIntercept(this.page, index, type, wanted || this.filterAllows(index, 0) === 0);
      }
    },
  },
  {
    id: 'vmx-spec-ctrl',
    title: 'SPEC_CTRL passes through from the start',
    cite: '674ffc650351 (SVM): SPEC_CTRL passes only if the guest has it; here as on VMX',
    smallest: 0,
    example: [],
    vm: class extends VmxVm {
      protected override applyCandidate(slot: number): void {
        if (this.candidates[slot]!.index === 0x48) this.shadowRead[slot] = this.shadowWrite[slot] = false;
        super.applyCandidate(slot);
      }
    },
  },
  {
    id: 'vmx-tsc-write',
    title: 'TSC writes pass through like reads',
    cite: 'vmx_vcpu_create(): MSR_IA32_TSC, MSR_TYPE_R',
    smallest: 0,
    example: [],
    vm: class extends VmxVm {
      protected override applyCandidate(slot: number): void {
        if (this.candidates[slot]!.index === 0x10) this.shadowWrite[slot] = this.shadowRead[slot]!;
        super.applyCandidate(slot);
      }
    },
  },
  {
    id: 'vmx-fastpath-read',
    title: 'the TSC_DEADLINE fastpath completes reads too',
    cite: '__handle_fastpath_wrmsr() has no RDMSR counterpart',
    smallest: 5,
    example: [filter(ALLOW, [range(0x6e0, R)]), read(0x6e0)],
    vm: fastpathOf(0x6e0, 0),
  },
  {
    id: 'vmx-fastpath-index',
    title: 'the fastpath takes TSC for TSC_DEADLINE',
    cite: '__handle_fastpath_wrmsr(): MSR_IA32_TSC_DEADLINE is 0x6e0',
    smallest: 5,
    example: [filter(ALLOW, [range(0x10, W)]), write(0x10)],
    vm: fastpathOf(0x10, 1),
  },
]);
