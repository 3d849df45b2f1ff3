/** Variants of what follows from the decision: exit reasons, the exit mask, base outcomes, forms, ignore_msrs. */
import { ReferenceVm } from '../../engines/reference.ts';
import { BaseOutcome } from '../../model/base.ts';
import {
  KVM_MSR_EXIT_REASON_FILTER,
  KVM_MSR_EXIT_REASON_INVAL,
  KVM_MSR_EXIT_REASON_UNKNOWN,
} from '../../model/filter.ts';
import { type AccessBatch, type AccessForm, ApicMode } from '../../model/scenario.ts';
import { type AccessType, Verdict } from '../../model/verdict.ts';
import type { VariantDefinition } from './rule-variants.ts';

const MASK = 'api.rst, "KVM_CAP_X86_USER_SPACE_MSR": an access exits only for a reason that the mask names';
const REASONS = 'api.rst, "KVM_EXIT_X86_RDMSR": reason UNKNOWN, INVAL or FILTER; kvm_msr_reason(), arch/x86/kvm/x86.c';
const ORDER = 'kvm_get_msr_with_filter(), arch/x86/kvm/x86.c: the filter is asked before anything else';
const IGNORE = 'kvm_do_msr_access(), arch/x86/kvm/x86.c: ignore_msrs turns unknown MSRs into success and nothing else';
const FORMS = 'api.rst, "KVM_X86_SET_MSR_FILTER": RDMSR and WRMSR are filtered, in every form, and nothing else is';
const APIC = 'kvm_x2apic_msr_read() and _write(), arch/x86/kvm/lapic.c: invalid unless the APIC is in x2APIC mode';

const OTHER_OUTCOME: Readonly<Record<BaseOutcome, BaseOutcome>> = {
  [BaseOutcome.HANDLED]: BaseOutcome.HANDLED,
  [BaseOutcome.UNKNOWN]: BaseOutcome.INVALID,
  [BaseOutcome.INVALID]: BaseOutcome.UNKNOWN,
};

/** A VM that answers one kind of denial as another reason would be answered when the mask lacks its own. */
function fallback(from: number, to: number, exit: Verdict): VariantDefinition['vm'] {
  return class extends ReferenceVm {
    protected override deflect(reason: number, own: Verdict): Verdict {
      if (reason === from && (this.mask & from) === 0 && (this.mask & to) !== 0) return exit;
      return super.deflect(reason, own);
    }
  };
}

/** A VM that lets one form of access past the filter. */
function unfiltered(form: AccessForm): VariantDefinition['vm'] {
  return class extends ReferenceVm {
    private bypass = false;

    override access(batch: AccessBatch, verdicts: Uint8Array): void {
      this.bypass = batch.form === form;
      super.access(batch, verdicts);
      this.bypass = false;
    }

    override allows(index: number, type: AccessType): boolean {
      return this.bypass || super.allows(index, type);
    }
  };
}

/** A VM with one fixed idea of the APIC mode where base outcomes depend on it. */
function apicAlways(mode: ApicMode): VariantDefinition['vm'] {
  return class extends ReferenceVm {
    override setApicMode(): void {
      this.apic = mode;
    }

    override reset(): void {
      super.reset();
      this.apic = mode;
    }

    protected override apic: ApicMode = mode;
  };
}

export const EXIT_VARIANTS: readonly VariantDefinition[] = [
  {
    name: 'exit mask ignored (always exits)',
    sentence: 'an access that fails exits to user space, whatever the exit mask says',
    source: MASK,
    vm: class extends ReferenceVm {
      protected override deflect(_reason: number, exit: Verdict): Verdict {
        return exit;
      }
    },
  },
  {
    name: 'exit mask ignored (never exits)',
    sentence: 'an access that fails is a #GP, whatever the exit mask says',
    source: MASK,
    vm: class extends ReferenceVm {
      protected override deflect(): Verdict {
        return Verdict.GP;
      }
    },
  },
  {
    name: 'any mask bit enables every exit',
    sentence: 'an access that fails exits as soon as the exit mask names any reason',
    source: MASK,
    vm: class extends ReferenceVm {
      protected override deflect(_reason: number, exit: Verdict): Verdict {
        return (this.mask & 7) === 0 ? Verdict.GP : exit;
      }
    },
  },
  {
    name: 'FILTER falls back to UNKNOWN',
    sentence: 'a denied access exits as UNKNOWN when the mask has UNKNOWN and lacks FILTER',
    source: REASONS,
    vm: fallback(KVM_MSR_EXIT_REASON_FILTER, KVM_MSR_EXIT_REASON_UNKNOWN, Verdict.EXIT_UNKNOWN),
  },
  {
    name: 'FILTER falls back to INVAL',
    sentence: 'a denied access exits as INVAL when the mask has INVAL and lacks FILTER',
    source: REASONS,
    vm: fallback(KVM_MSR_EXIT_REASON_FILTER, KVM_MSR_EXIT_REASON_INVAL, Verdict.EXIT_INVAL),
  },
  {
    name: 'UNKNOWN falls back to INVAL',
    sentence: 'an unknown MSR exits as INVAL when the mask has INVAL and lacks UNKNOWN',
    source: REASONS,
    vm: fallback(KVM_MSR_EXIT_REASON_UNKNOWN, KVM_MSR_EXIT_REASON_INVAL, Verdict.EXIT_INVAL),
  },
  {
    name: 'UNKNOWN and INVAL swapped',
    sentence: 'unknown MSRs are answered as INVAL and invalid accesses as UNKNOWN',
    source: REASONS,
    vm: class extends ReferenceVm {
      protected override knownTo(index: number, type: AccessType): BaseOutcome {
        return OTHER_OUTCOME[super.knownTo(index, type)];
      }
    },
  },
  {
    name: 'mask bits of UNKNOWN and INVAL swapped',
    sentence: 'the mask bit for INVAL enables UNKNOWN exits and the bit for UNKNOWN enables INVAL exits',
    source: REASONS,
    vm: class extends ReferenceVm {
      protected override deflect(reason: number, exit: Verdict): Verdict {
        return super.deflect(reason === KVM_MSR_EXIT_REASON_FILTER ? reason : reason ^ 3, exit);
      }
    },
  },
  {
    name: 'base outcome asked before the filter',
    sentence: 'an MSR that is unknown or invalid is answered as such even if the filter denies it',
    source: ORDER,
    vm: class extends ReferenceVm {
      private late = false;

      protected override judge(index: number, type: AccessType): Verdict {
        this.late = this.knownTo(index, type) !== BaseOutcome.HANDLED;
        const verdict = super.judge(index, type);
        this.late = false;
        return verdict;
      }

      override allows(index: number, type: AccessType): boolean {
        return this.late || super.allows(index, type);
      }
    },
  },
  {
    name: 'ignore_msrs hides denials',
    sentence: 'with ignore_msrs, a denied access succeeds',
    source: IGNORE,
    vm: class extends ReferenceVm {
      override allows(index: number, type: AccessType): boolean {
        return this.ignoreMsrs || super.allows(index, type);
      }
    },
  },
  {
    name: 'ignore_msrs hides invalid accesses',
    sentence: 'with ignore_msrs, an invalid access succeeds',
    source: IGNORE,
    vm: class extends ReferenceVm {
      protected override knownTo(index: number, type: AccessType): BaseOutcome {
        return this.ignoreMsrs ? BaseOutcome.HANDLED : super.knownTo(index, type);
      }
    },
  },
  {
    name: 'ignore_msrs without effect',
    sentence: 'with ignore_msrs, an access to an unknown MSR still fails',
    source: IGNORE,
    vm: class extends ReferenceVm {
      override setIgnoreMsrs(): void {}
    },
  },
  {
    name: 'emulated accesses not filtered',
    sentence: 'RDMSR and WRMSR through the instruction emulator are not filtered',
    source: FORMS,
    vm: unfiltered('emulator'),
  },
  {
    name: 'immediate forms not filtered',
    sentence: 'the immediate forms of RDMSR and WRMSR are not filtered',
    source: FORMS,
    vm: unfiltered('immediate'),
  },
  {
    name: 'implicit accesses filtered',
    sentence: 'RDPID, RDTSC, SWAPGS and their like are filtered as if they were RDMSR or WRMSR',
    source: FORMS,
    vm: class extends ReferenceVm {
      override access(batch: AccessBatch, verdicts: Uint8Array): void {
        const { indices, types, form } = batch;
        super.access(form === 'implicit' ? { indices, types } : batch, verdicts);
      }
    },
  },
  {
    name: 'host accesses filtered',
    sentence: 'KVM_GET_MSRS and KVM_SET_MSRS refuse what the filter denies',
    source: FORMS,
    vm: class extends ReferenceVm {
      override access(batch: AccessBatch, verdicts: Uint8Array): void {
        super.access(batch, verdicts);
        if (batch.form !== 'host') return;
        for (const [i, index] of batch.indices.entries()) {
          if (!this.allows(index, batch.types[i] as AccessType)) verdicts[i] = Verdict.GP;
        }
      }
    },
  },
  {
    name: 'APIC mode ignored (never x2APIC)',
    sentence: 'x2APIC MSRs are invalid in x2APIC mode too',
    source: APIC,
    vm: apicAlways(ApicMode.NONE),
  },
  {
    name: 'APIC mode ignored (always x2APIC)',
    sentence: 'x2APIC MSRs are handled in every APIC mode',
    source: APIC,
    vm: apicAlways(ApicMode.X2APIC),
  },
];
