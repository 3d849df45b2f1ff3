/** Mistakes in the completion of exits to user space. Planted in the reference. */
import { ReferenceVm } from '../../src/engines/reference.ts';
import type { AccessBatch, CapEvent } from '../../src/model/scenario.ts';
import { type AccessType, Completion, Verdict } from '../../src/model/verdict.ts';
import { ALLOW, access, bugsOf, cap, filter, range, reply, write } from './support.ts';

const REPLY = 'api.rst, "KVM_EXIT_X86_RDMSR": a non-zero error injects #GP';

export const REPLY_BUGS = bugsOf('deflection', 'reference', [
  {
    id: 'reply-error-1',
    title: 'the reply is an error only if it is 1',
    cite: REPLY,
    smallest: 4,
    example: [cap(2), write(0), reply(2)],
    vm: class extends ReferenceVm {
      override reply(error: number): Completion {
        return super.reply(error === 1 ? 1 : 0);
      }
    },
  },
  {
    id: 'reply-error-signed',
    title: 'the reply is an error only if it is positive as a signed byte',
    cite: REPLY,
    smallest: 4,
    example: [cap(2), write(0), reply(0x80)],
    vm: class extends ReferenceVm {
      override reply(error: number): Completion {
        return super.reply((error << 24) >> 24 > 0 ? 1 : 0);
      }
    },
  },
  {
    id: 'reply-rechecked',
    title: 'the reply to an exit is checked against the filter of that moment',
    cite: 'complete_emulated_rdmsr(): the filter is not asked again',
    smallest: 7,
    example: [cap(2), write(0), filter(ALLOW, [range(0, 2)]), reply()],
    vm: class extends ReferenceVm {
      private exit: { index: number; type: AccessType } | undefined;

      override access(batch: AccessBatch, verdicts: Uint8Array): void {
        super.access(batch, verdicts);
        if (batch.form === 'host') return;
        const last = batch.indices.length - 1;
        this.exit = undefined;
        if (last < 0) return;
        const exit = { index: batch.indices[last]!, type: batch.types[last] as AccessType };
        if (this.allows(exit.index, exit.type)) this.exit = exit;
      }

      override reply(error: number): Completion {
        const done = super.reply(error);
        const { exit } = this;
        if (done !== Completion.DONE || !exit || this.allows(exit.index, exit.type)) return done;
        return Completion.GP;
      }
    },
  },
  {
    id: 'reply-lost-by-cap',
    title: 'changing the exit mask forgets the pending exit',
    cite: 'kvm_vm_ioctl_enable_cap() does not touch vCPUs',
    smallest: 5,
    example: [cap(2), write(0), cap(0), reply()],
    vm: class extends ReferenceVm {
      override enableCap(event: CapEvent): number {
        const error = super.enableCap(event);
        if (error === 0) this.exitPending = false;
        return error;
      }
    },
  },
  {
    id: 'reply-twice',
    title: 'an exit can be answered twice',
    cite: 'vcpu->arch.complete_userspace_io is cleared before it is called',
    smallest: 5,
    example: [cap(2), write(0), reply(), reply()],
    vm: class extends ReferenceVm {
      override reply(error: number): Completion {
        const pending = this.exitPending;
        const done = super.reply(error);
        this.exitPending = pending;
        return done;
      }
    },
  },
  {
    id: 'reply-to-completed',
    title: 'an exit is pending after later accesses have completed',
    cite: 'KVM_RUN completes the pending exit first',
    smallest: 5,
    example: [
      cap(2),
      access([
        ['w', 0],
        ['r', 0],
      ]),
      reply(),
    ],
    vm: class extends ReferenceVm {
      override access(batch: AccessBatch, verdicts: Uint8Array): void {
        super.access(batch, verdicts);
        if (batch.form === 'host') return;
        const written = verdicts.subarray(0, batch.indices.length);
        if (written.some((verdict) => verdict >= Verdict.EXIT_FILTER)) this.exitPending = true;
      }
    },
  },
  {
    id: 'reply-inverted',
    title: 'a reply without error injects #GP',
    cite: REPLY,
    smallest: 4,
    example: [cap(2), write(0), reply()],
    vm: class extends ReferenceVm {
      override reply(error: number): Completion {
        return super.reply(error === 0 ? 1 : 0);
      }
    },
  },
]);
