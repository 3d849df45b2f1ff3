/** Mistakes in the bitmap of an L2 guest. Planted in the vmx and svm engines. */
import { SvmVm } from '../../src/engines/svm.ts';
import { VmxVm } from '../../src/engines/vmx.ts';
import type { NestedEvent } from '../../src/model/scenario.ts';
import type { NestedEntry } from '../../src/model/verdict.ts';
import { ALLOW, bugsOf, filter, nested, R, range } from './support.ts';

const PREPARE = 'nested_vmx_prepare_msr_bitmap(), arch/x86/kvm/vmx/nested.c';
const MERGE = 'nested_svm_merge_msrpm(), arch/x86/kvm/svm/nested.c';
const FS_BASE = 0xc000_0100;

export const NESTED_BUGS = [
  ...bugsOf('nested', 'vmx', [
    {
      id: 'nested-vmx-and',
      title: "L0's and L1's bitmaps are merged by AND",
      cite: PREPARE,
      smallest: 1,
      example: [nested()],
      vm: class extends VmxVm {
        protected override mergeNested(l1: Uint8Array): void {
          this.nestedPage.fill(0xff);
          for (const { index, merged } of this.candidates) {
            if (!merged) continue;
            for (const type of [0, 1]) {
              const both = this.tests(this.page, index, type) && this.tests(l1, index, type);
              this.setIntercept(this.nestedPage, index, type, both);
            }
          }
        }
      },
    },
    {
      id: 'nested-vmx-no-filter',
      title: 'the bitmap of L2 ignores the filter for FS_BASE, GS_BASE and KERNEL_GS_BASE',
      cite: '67f4b9969c30 "KVM: nVMX: Handle dynamic MSR intercept toggling"',
      smallest: 5,
      example: [filter(ALLOW, [range(FS_BASE, R)]), nested([[FS_BASE, 'r']])],
      vm: class extends VmxVm {
        protected override mergeNested(l1: Uint8Array): void {
          super.mergeNested(l1);
          for (const [slot, { index, merged }] of this.candidates.entries()) {
            if (!merged || index < FS_BASE || index > FS_BASE + 2) continue;
            this.setIntercept(this.nestedPage, index, 0, this.shadowRead[slot]! || this.tests(l1, index, 0));
            this.setIntercept(this.nestedPage, index, 1, this.shadowWrite[slot]! || this.tests(l1, index, 1));
          }
        }
      },
    },
    {
      id: 'nested-vmx-only-drops',
      title: 'the merge drops intercepts of L2 and never adds one',
      cite: '67f4b9969c30: vmcs02 could only lose intercepts',
      smallest: 3,
      example: [nested([[FS_BASE, 'r']]), nested()],
      vm: class extends VmxVm {
        protected override mergeNested(l1: Uint8Array): void {
          const before = this.nestedPage.slice();
          super.mergeNested(l1);
          for (let i = 0; i < before.length; i++) this.nestedPage[i] = this.nestedPage[i]! & before[i]!;
        }
      },
    },
    {
      id: 'nested-vmx-unlisted',
      title: 'MSRs that are not on the merge list are merged too',
      cite: `${PREPARE}: MSRs that are not listed always exit from L2`,
      smallest: 2,
      example: [nested([[0x10, 'r']])],
      vm: class extends VmxVm {
        protected override mergeNested(l1: Uint8Array): void {
          super.mergeNested(l1);
          for (const { index } of this.candidates) {
            for (const type of [0, 1]) {
              const either = this.tests(this.page, index, type) || this.tests(l1, index, type);
              this.setIntercept(this.nestedPage, index, type, either);
            }
          }
        }
      },
    },
    {
      id: 'nested-vmx-stale',
      title: "a clean eVMCS reuses the merged bitmap although L0's has changed",
      cite: 'vmx->nested.force_msr_bitmap_recalc',
      smallest: 4,
      example: [nested([[FS_BASE, 'r']]), filter(ALLOW), nested([], { clean: true })],
      vm: class extends VmxVm {
        protected override setIntercept(page: Uint8Array, index: number, type: number, intercept: boolean): void {
          const force = this.forceNestedRecalc;
          super.setIntercept(page, index, type, intercept);
          this.forceNestedRecalc = force;
        }
      },
    },
    {
      id: 'nested-vmx-unmapped',
      title: "L1's bitmap page counts as merged although it cannot be mapped",
      cite: PREPARE,
      smallest: 1,
      example: [nested([], { mapped: false })],
      vm: class extends VmxVm {
        override enterNested(event: NestedEvent): NestedEntry {
          return super.enterNested({ ...event, mapped: true });
        }
      },
    },
    {
      id: 'nested-vmx-no-bitmaps',
      title: 'L2 runs with a bitmap although L1 uses none',
      cite: 'vmcs12, "use MSR bitmaps"; 7dfbc624eb57 is of this kind',
      smallest: 1,
      example: [nested([], { bitmaps: false })],
      vm: class extends VmxVm {
        override enterNested(event: NestedEvent): NestedEntry {
          return super.enterNested({ ...event, bitmaps: true });
        }
      },
    },
  ]),
  ...bugsOf('nested', 'svm', [
    {
      id: 'nested-svm-and',
      title: "L0's and L1's maps are merged by AND",
      cite: MERGE,
      smallest: 1,
      example: [nested()],
      vm: class extends SvmVm {
        protected override mergeByte(l0: number, l1: number): number {
          return l0 & l1;
        }
      },
    },
    {
      id: 'nested-svm-l1-only',
      title: "the map of L2 is L1's alone",
      cite: MERGE,
      smallest: 2,
      example: [nested([[0x40, 'r']])],
      vm: class extends SvmVm {
        protected override mergeByte(_l0: number, l1: number): number {
          return l1;
        }
      },
    },
    {
      id: 'nested-svm-unmapped',
      title: 'VMRUN succeeds without bitmap although the map of L1 cannot be read',
      cite: 'nested_svm_vmrun_msrpm(): a failed read fails VMRUN',
      smallest: 1,
      example: [nested([], { mapped: false })],
      vm: class extends SvmVm {
        override enterNested(event: NestedEvent): NestedEntry {
          return super.enterNested(event.mapped ? event : { ...event, bitmaps: false });
        }
      },
    },
  ]),
];
