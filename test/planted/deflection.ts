/** Mistakes in what a denied, unknown or invalid access ends in. Planted in the reference. */
import { ReferenceVm } from '../../src/engines/reference.ts';
import { BaseOutcome } from '../../src/model/base.ts';
import { type AccessBatch, type AccessForm, ApicMode, type CapEvent } from '../../src/model/scenario.ts';
import { type AccessType, Verdict } from '../../src/model/verdict.ts';
import { ALLOW, apic, bugsOf, cap, filter, ignoreMsrs, R, range, read, write } from './support.ts';

const REASONS = 'kvm_msr_user_space() and kvm_msr_reason(), arch/x86/kvm/x86.c';
const ORDER = 'kvm_emulate_msr_read(): kvm_msr_allowed() comes first';
const UNFILTERED = 'ac8d6cad3c7b "KVM: x86: Only do MSR filtering when access MSR by rdmsr/wrmsr"';
const IGNORE = 'kvm_do_msr_access(): ignore_msrs turns unknown MSRs into successes, nothing else';

/** A VM that completes denied accesses of one form, if KVM handles the MSR. */
function unfiltered(form: AccessForm): typeof ReferenceVm {
  return class extends ReferenceVm {
    override access(batch: AccessBatch, verdicts: Uint8Array): void {
      super.access(batch, verdicts);
      if (batch.form !== form) return;
      batch.indices.forEach((index, i) => {
        const type = batch.types[i] as AccessType;
        const handled = this.knownTo(index, type) === BaseOutcome.HANDLED;
        if (handled && !this.allows(index, type)) verdicts[i] = Verdict.ALLOW;
      });
    }
  };
}

/** A VM that refuses denied accesses of a form that is not filtered. */
function filtered(form: AccessForm): typeof ReferenceVm {
  return class extends ReferenceVm {
    override access(batch: AccessBatch, verdicts: Uint8Array): void {
      super.access(batch, verdicts);
      if (batch.form !== form) return;
      batch.indices.forEach((index, i) => {
        if (!this.allows(index, batch.types[i] as AccessType)) verdicts[i] = Verdict.GP;
      });
    }
  };
}

export const DEFLECTION_BUGS = bugsOf('deflection', 'reference', [
  {
    id: 'mask-ignored',
    title: 'every failure exits, whatever the exit mask says',
    cite: REASONS,
    smallest: 2,
    example: [write(0)],
    vm: class extends ReferenceVm {
      protected override deflect(_reason: number, exit: Verdict): Verdict {
        return exit;
      }
    },
  },
  {
    id: 'mask-any-reason',
    title: 'any bit in the exit mask makes every reason exit',
    cite: REASONS,
    smallest: 3,
    example: [cap(1), write(0)],
    vm: class extends ReferenceVm {
      protected override deflect(_reason: number, exit: Verdict): Verdict {
        return this.mask !== 0 ? exit : Verdict.GP;
      }
    },
  },
  {
    id: 'filter-as-unknown',
    title: 'a denial falls back to reason UNKNOWN when the mask lacks FILTER',
    cite: REASONS,
    smallest: 6,
    example: [filter(ALLOW, [range(0, R)]), cap(2), read(0)],
    vm: class extends ReferenceVm {
      protected override deflect(reason: number, exit: Verdict): Verdict {
        if (reason === 4 && (this.mask & 4) === 0 && (this.mask & 2) !== 0) return Verdict.EXIT_UNKNOWN;
        return super.deflect(reason, exit);
      }
    },
  },
  {
    id: 'reasons-swapped',
    title: 'reasons INVAL and UNKNOWN are mixed up',
    cite: REASONS,
    smallest: 3,
    example: [cap(1), write(0)],
    vm: class extends ReferenceVm {
      protected override deflect(reason: number, exit: Verdict): Verdict {
        if (reason === 1) return super.deflect(2, Verdict.EXIT_UNKNOWN);
        return reason === 2 ? super.deflect(1, Verdict.EXIT_INVAL) : super.deflect(reason, exit);
      }
    },
  },
  {
    id: 'unknown-as-inval',
    title: 'unknown MSRs exit with reason INVAL, as before the reason UNKNOWN existed',
    cite: 'PATCH v7 of the series: everything but -EPERM was INVAL',
    smallest: 3,
    example: [cap(1), write(0)],
    vm: class extends ReferenceVm {
      protected override deflect(reason: number, exit: Verdict): Verdict {
        return reason === 2 ? super.deflect(1, Verdict.EXIT_INVAL) : super.deflect(reason, exit);
      }
    },
  },
  {
    id: 'existence-first',
    title: 'whether KVM knows the MSR is asked before the filter',
    cite: ORDER,
    smallest: 6,
    example: [filter(ALLOW, [range(0, 2)]), cap(2), write(0)],
    vm: class extends ReferenceVm {
      protected override judge(index: number, type: AccessType): Verdict {
        if (this.knownTo(index, type) === BaseOutcome.UNKNOWN) return this.deflect(2, Verdict.EXIT_UNKNOWN);
        return super.judge(index, type);
      }
    },
  },
  {
    id: 'validity-first',
    title: 'whether the access is valid is asked before the filter',
    cite: ORDER,
    smallest: 6,
    example: [filter(ALLOW, [range(0x34, 2)]), cap(1), write(0x34)],
    vm: class extends ReferenceVm {
      protected override judge(index: number, type: AccessType): Verdict {
        if (this.knownTo(index, type) === BaseOutcome.INVALID) return this.deflect(1, Verdict.EXIT_INVAL);
        return super.judge(index, type);
      }
    },
  },
  {
    id: 'ignore-hides-denial',
    title: 'ignore_msrs makes a denied unknown MSR succeed',
    cite: IGNORE,
    smallest: 6,
    example: [ignoreMsrs(true), filter(ALLOW, [range(0, 2)]), write(0)],
    vm: class extends ReferenceVm {
      protected override judge(index: number, type: AccessType): Verdict {
        const unknown = this.config.base.outcome(index, type, this.apic) === BaseOutcome.UNKNOWN;
        return this.ignoreMsrs && unknown ? Verdict.ALLOW : super.judge(index, type);
      }
    },
  },
  {
    id: 'ignore-hides-invalid',
    title: 'ignore_msrs makes invalid accesses succeed',
    cite: IGNORE,
    smallest: 3,
    example: [ignoreMsrs(true), write(0x34)],
    vm: class extends ReferenceVm {
      protected override knownTo(index: number, type: AccessType): BaseOutcome {
        return this.ignoreMsrs ? BaseOutcome.HANDLED : super.knownTo(index, type);
      }
    },
  },
  {
    id: 'ignore-stays-on',
    title: 'ignore_msrs cannot be turned off',
    cite: 'kvm.ignore_msrs is a writable module parameter',
    smallest: 4,
    example: [ignoreMsrs(true), ignoreMsrs(false), write(0)],
    vm: class extends ReferenceVm {
      override setIgnoreMsrs(on: boolean): void {
        this.ignoreMsrs ||= on;
      }
    },
  },
  {
    id: 'apic-mode-ignored',
    title: 'x2APIC MSRs are invalid in x2APIC mode too',
    cite: 'kvm_x2apic_msr_read(): fails unless the APIC is in x2APIC mode',
    smallest: 3,
    example: [apic(ApicMode.X2APIC), read(0x802)],
    vm: class extends ReferenceVm {
      override setApicMode(): void {}
    },
  },
  {
    id: 'xapic-as-x2apic',
    title: 'x2APIC MSRs work in xAPIC mode',
    cite: 'kvm_x2apic_msr_read(): fails unless the APIC is in x2APIC mode',
    smallest: 3,
    example: [apic(ApicMode.XAPIC), read(0x802)],
    vm: class extends ReferenceVm {
      override setApicMode(mode: ApicMode): void {
        this.apic = mode === ApicMode.XAPIC ? ApicMode.X2APIC : mode;
      }
    },
  },
  {
    id: 'host-filtered',
    title: 'KVM_GET_MSRS and KVM_SET_MSRS are filtered',
    cite: 'api.rst: the filter applies to the guest; host_initiated accesses are not asked for',
    smallest: 5,
    example: [filter(ALLOW, [range(0, R)]), read(0, 'host')],
    vm: filtered('host'),
  },
  {
    id: 'implicit-filtered',
    title: 'RDPID, RDTSC, SWAPGS and WRGSBASE are filtered',
    cite: UNFILTERED,
    smallest: 5,
    example: [filter(ALLOW, [range(0, R)]), read(0, 'implicit')],
    vm: filtered('implicit'),
  },
  {
    id: 'emulator-unfiltered',
    title: 'the instruction emulator does not ask the filter',
    cite: 'em_rdmsr(): ops->get_msr_with_filter, not ops->get_msr',
    smallest: 5,
    example: [filter(ALLOW, [range(0, R)]), read(0, 'emulator')],
    vm: unfiltered('emulator'),
  },
  {
    id: 'immediate-unfiltered',
    title: 'the immediate forms do not ask the filter',
    cite: 'kvm_emulate_rdmsr_imm(): same filter and same exit reasons as RDMSR',
    smallest: 5,
    example: [filter(ALLOW, [range(0, R)]), read(0, 'immediate')],
    vm: unfiltered('immediate'),
  },
  {
    id: 'mask-accumulates',
    title: 'a new exit mask adds to the one before',
    cite: 'kvm->arch.user_space_msr_mask = cap->args[0]',
    smallest: 4,
    example: [cap(2), cap(0), write(0)],
    vm: class extends ReferenceVm {
      override enableCap(event: CapEvent): number {
        const before = this.mask;
        const error = super.enableCap(event);
        this.mask |= before;
        return error;
      }
    },
  },
]);
