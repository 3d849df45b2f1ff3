/** Variants of what lasts from one event to the next: replacement of filters, failures, memory, replies. */
import { ReferenceVm } from '../../engines/reference.ts';
import type { MsrFilter } from '../../model/filter.ts';
import type { CapEvent, FilterDelivery } from '../../model/scenario.ts';
import type { AccessType, Completion } from '../../model/verdict.ts';
import type { VariantDefinition } from './rule-variants.ts';

const SWAP = 'kvm_vm_ioctl_set_msr_filter(), arch/x86/kvm/x86.c: a filter that is rejected leaves the old one';
const REPLACE = 'api.rst, "KVM_X86_SET_MSR_FILTER": calling this ioctl replaces the filter';
const COPY = 'kvm_add_msr_filter(), arch/x86/kvm/x86.c: memdup_user() copies the bitmap';
const REPLY = 'api.rst, "KVM_EXIT_X86_RDMSR": error non-zero injects #GP; complete_emulated_msr(), arch/x86/kvm/x86.c';
const EVERY = 'kvm_msr_allowed(), arch/x86/kvm/x86.c: every access is looked up by index and type';

const OFF: MsrFilter = { flags: 0, ranges: [] };

/** A VM that remembers the last decision; `key` says for which accesses it is taken again. */
function memo(key: (index: number, type: AccessType) => number, survivesFilters: boolean): VariantDefinition['vm'] {
  return class extends ReferenceVm {
    private lastKey = -1;
    private lastAnswer = false;

    override reset(): void {
      super.reset();
      this.lastKey = -1;
    }

    override setFilter(filter: MsrFilter, delivery: FilterDelivery): number {
      if (!survivesFilters) this.lastKey = -1;
      return super.setFilter(filter, delivery);
    }

    override allows(index: number, type: AccessType): boolean {
      const now = key(index, type);
      if (now !== this.lastKey) this.lastAnswer = super.allows(index, type);
      this.lastKey = now;
      return this.lastAnswer;
    }
  };
}

/** A VM that takes another error byte from user space's reply. */
function replyError(change: (error: number) => number): VariantDefinition['vm'] {
  return class extends ReferenceVm {
    override reply(error: number): Completion {
      return super.reply(change(error));
    }
  };
}

export const STATE_VARIANTS: readonly VariantDefinition[] = [
  {
    name: 'failed ioctl clears the filter',
    sentence: 'a filter that is rejected turns filtering off instead of leaving the old filter active',
    source: SWAP,
    vm: class extends ReferenceVm {
      override setFilter(filter: MsrFilter, delivery: FilterDelivery): number {
        const error = super.setFilter(filter, delivery);
        if (error !== 0) super.setFilter(OFF, 'normal');
        return error;
      }
    },
  },
  {
    name: 'failed ioctl leaves a half-built filter',
    sentence: 'a filter that is rejected leaves the ranges before the bad one active, with the new default action',
    source: `${SWAP} (since the SRCU fix of March 2021)`,
    vm: class extends ReferenceVm {
      constructor(config: ConstructorParameters<typeof ReferenceVm>[0]) {
        super({ ...config, profile: { ...config.profile, replacement: 'in-place' } });
      }
    },
  },
  {
    name: 'empty filter keeps the old one',
    sentence: 'a filter without ranges does not turn filtering off',
    source: REPLACE,
    vm: class extends ReferenceVm {
      override setFilter(filter: MsrFilter, delivery: FilterDelivery): number {
        const sent = delivery !== 'compat' && delivery !== 'short';
        const off = filter.flags === 0 && filter.ranges.every(({ nmsrs }) => nmsrs === 0);
        return sent && off ? 0 : super.setFilter(filter, delivery);
      }
    },
  },
  {
    name: 'filter cannot be replaced',
    sentence: 'once a filter with ranges is active, later ones are accepted and change nothing',
    source: REPLACE,
    vm: class extends ReferenceVm {
      override setFilter(filter: MsrFilter, delivery: FilterDelivery): number {
        const { ranges, defaultAllow } = this;
        const error = super.setFilter(filter, delivery);
        if (ranges.count > 0) {
          this.ranges = ranges;
          this.defaultAllow = defaultAllow;
        }
        return error;
      }
    },
  },
  {
    name: 'default action not replaced',
    sentence: 'a new filter keeps the default action of the one before',
    source: REPLACE,
    vm: class extends ReferenceVm {
      override setFilter(filter: MsrFilter, delivery: FilterDelivery): number {
        const { ranges, defaultAllow } = this;
        const error = super.setFilter(filter, delivery);
        if (ranges.count > 0) this.defaultAllow = defaultAllow;
        return error;
      }
    },
  },
  {
    name: 'filter kept by reference',
    sentence: 'the bitmaps are used where user space has them, so that later changes there change decisions',
    source: COPY,
    vm: class extends ReferenceVm {
      override setFilter(filter: MsrFilter, delivery: FilterDelivery): number {
        const error = super.setFilter(filter, delivery);
        const { bitmap, slot, count } = this.ranges;
        if (error === 0) for (let i = 0; i < count; i++) bitmap[i] = filter.ranges[slot[i]!]!.bitmap!;
        return error;
      }
    },
  },
  {
    name: 'memo forgets the access type',
    sentence: 'a second access to the same MSR gets the decision of the first, also if it is of the other type',
    source: EVERY,
    vm: memo((index) => index, false),
  },
  {
    name: 'memo survives a filter change',
    sentence: 'an access like the one before gets the same decision, also if the filter has changed since',
    source: EVERY,
    vm: memo((index, type) => index * 2 + type, true),
  },
  {
    name: 'rejected exit mask stored',
    sentence: 'an exit mask that is rejected takes effect',
    source: 'kvm_vm_ioctl_enable_cap(), arch/x86/kvm/x86.c: a mask that is rejected leaves the old one',
    vm: class extends ReferenceVm {
      override enableCap(event: CapEvent): number {
        const error = super.enableCap(event);
        if (error !== 0) this.mask = Number(event.mask & 7n);
        return error;
      }
    },
  },
  {
    name: 'exit mask bits add up',
    sentence: 'a new exit mask is added to the old one instead of replacing it',
    source: 'kvm_vm_ioctl_enable_cap(), arch/x86/kvm/x86.c: the mask is assigned',
    vm: class extends ReferenceVm {
      override enableCap(event: CapEvent): number {
        const { mask } = this;
        const error = super.enableCap(event);
        this.mask |= mask;
        return error;
      }
    },
  },
  {
    name: 'reply error compared with 1',
    sentence: 'only an error byte of 1 in the reply is a #GP; others complete the access',
    source: REPLY,
    vm: replyError((error) => (error === 1 ? 1 : 0)),
  },
  {
    name: 'reply error taken as signed',
    sentence: 'an error byte of 0x80 to 0xff in the reply completes the access instead of #GP',
    source: REPLY,
    vm: replyError((error) => (error < 0x80 ? error : 0)),
  },
  {
    name: 'reply error ignored',
    sentence: 'the access completes whatever error the reply has',
    source: REPLY,
    vm: replyError(() => 0),
  },
  {
    name: 'reply error inverted',
    sentence: 'a reply without error is a #GP, and one with an error completes the access',
    source: REPLY,
    vm: replyError((error) => (error === 0 ? 1 : 0)),
  },
  {
    name: 'exit stays pending after the reply',
    sentence: 'a second reply to one exit is taken as if the exit were still pending',
    source: REPLY,
    vm: class extends ReferenceVm {
      override reply(error: number): Completion {
        const pending = this.exitPending;
        const completion = super.reply(error);
        this.exitPending = pending;
        return completion;
      }
    },
  },
  {
    name: 'reply without an exit completes',
    sentence: 'a reply is taken as one to an exit when none is pending',
    source: REPLY,
    vm: class extends ReferenceVm {
      override reply(error: number): Completion {
        this.exitPending = true;
        return super.reply(error);
      }
    },
  },
  {
    name: 'a filter change drops the pending exit',
    sentence: 'an exit is no longer pending once the filter has been set anew',
    source: 'complete_emulated_msr(), arch/x86/kvm/x86.c: the completion of an exit does not look at the filter again',
    vm: class extends ReferenceVm {
      override setFilter(filter: MsrFilter, delivery: FilterDelivery): number {
        this.exitPending = false;
        return super.setFilter(filter, delivery);
      }
    },
  },
];
