/** Mistakes in the MSR permissions map and in kvm_amd. Planted in the svm engine. */
import { SvmVm } from '../../src/engines/svm.ts';
import type { Candidate } from '../../src/model/catalogue.ts';
import type { MsrPassthrough } from '../../src/model/scenario.ts';
import { ALLOW, bugsOf, filter, R, range, wish } from './support.ts';

const LAYOUT = 'APM vol. 2, 15.11 "MSR Intercepts"; svm_msrpm_bit_nr()';
const RECALC = 'svm_recalc_msr_intercepts(), on KVM_REQ_RECALC_INTERCEPTS';
const LBR = [0x1db, 0x1dc, 0x1dd, 0x1de];

/** A VM that writes the bit of another MSR or direction in its own map. */
function writing(place: (index: number, type: number) => readonly [number, number]): typeof SvmVm {
  return class extends SvmVm {
    protected override writeBit(map: Uint8Array, index: number, type: number, intercept: boolean): void {
      const [at, as] = map === this.msrpm ? place(index, type) : [index, type];
      super.writeBit(map, at, as, intercept);
    }
  };
}

export const SVM_BUGS = bugsOf('bitmap', 'svm', [
  {
    id: 'svm-stale-after-filter',
    title: 'the map is not updated when the filter changes',
    cite: RECALC,
    smallest: 3,
    example: [filter(ALLOW, [range(0x174, R)])],
    vm: class extends SvmVm {
      protected override filterChanged(): void {}
    },
  },
  {
    id: 'svm-lbr-early-return',
    title: 'the LBR MSRs are skipped when their wish has not changed, also after a filter change',
    cite: 'svm_recalc_lbr_msr_intercepts(): "if (intercept == svm->lbr_msrs_intercepted) return" (December 2025)',
    smallest: 5,
    example: [wish([0x1db, 'r']), filter(ALLOW, [range(0x1db, R)])],
    vm: class extends SvmVm {
      private changing = false;

      protected override filterChanged(): void {
        this.changing = true;
        super.filterChanged();
        this.changing = false;
      }

      protected override applyWish(candidate: Candidate): void {
        if (this.changing && LBR.includes(candidate.index)) return;
        super.applyWish(candidate);
      }
    },
  },
  {
    id: 'svm-stale-on',
    title: 'an MSR that KVM wants to pass through from now on stays intercepted',
    cite: RECALC,
    smallest: 2,
    example: [wish([0x48, 'r'])],
    vm: class extends SvmVm {
      override setCandidates(changes: readonly MsrPassthrough[]): void {
        const map = this.msrpm.slice();
        super.setCandidates(changes);
        for (let i = 0; i < map.length; i++) this.msrpm[i] = this.msrpm[i]! | map[i]!;
      }
    },
  },
  {
    id: 'svm-stale-off',
    title: 'an MSR that KVM no longer wants to pass through stays open',
    cite: RECALC,
    smallest: 2,
    example: [wish([0x174, 'none'])],
    vm: class extends SvmVm {
      override setCandidates(changes: readonly MsrPassthrough[]): void {
        const map = this.msrpm.slice();
        super.setCandidates(changes);
        for (let i = 0; i < map.length; i++) this.msrpm[i] = this.msrpm[i]! & map[i]!;
      }
    },
  },
  {
    id: 'svm-bits-swapped',
    title: 'the read bit and the write bit of an MSR are mixed up',
    cite: LAYOUT,
    smallest: 2,
    example: [wish([0x48, 'r'])],
    vm: writing((index, type) => [index, 1 - type]),
  },
  {
    id: 'svm-high-as-low',
    title: 'the second window is written to the first',
    cite: LAYOUT,
    smallest: 0,
    example: [],
    vm: writing((index, type) => [index & 0x1fff, type]),
  },
  {
    id: 'svm-byte-off',
    title: 'every MSR is taken for the one before',
    cite: LAYOUT,
    smallest: 0,
    example: [],
    vm: writing((index, type) => [index - 1, type]),
  },
  {
    id: 'svm-wish-of-both',
    title: 'an MSR passes through in both directions if KVM wants one of them',
    cite: 'svm_recalc_msr_intercepts(): PRED_CMD and FLUSH_CMD are MSR_TYPE_W',
    smallest: 2,
    example: [wish([0x48, 'r'])],
    vm: class extends SvmVm {
      override setCandidates(changes: readonly MsrPassthrough[]): void {
        super.setCandidates(changes.map((c) => ({ ...c, read: c.read || c.write, write: c.read || c.write })));
      }
    },
  },
  {
    id: 'svm-spec-ctrl',
    title: 'SPEC_CTRL passes through from the start',
    cite: '674ffc650351 "KVM: SVM: Disable interception of SPEC_CTRL iff the MSR exists for the guest"',
    smallest: 0,
    example: [],
    vm: class extends SvmVm {
      protected override applyWish(candidate: Candidate): void {
        if (candidate.index === 0x48) this.wish.set(0x48, { read: true, write: true });
        super.applyWish(candidate);
      }
    },
  },
]);

export const PROFILE_SVM_BUGS = bugsOf('bitmap', 'svm', [
  {
    id: 'svm-third-window',
    title: 'the third window is written to the second',
    cite: LAYOUT,
    profile: '6.1',
    smallest: 0,
    example: [],
    vm: writing((index, type) => [index >>> 16 === 0xc001 ? index - 0x10000 : index, type]),
  },
]);
