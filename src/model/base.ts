/**
 * Base outcomes: what a bare access to an MSR does where no filter decides. They belong to a kernel, its
 * configuration and the guest's CPUID, so they are data: the catalogue's, or measured on a kernel.
 */
import { X2APIC_FIRST, X2APIC_LAST } from './filter.ts';
import { ApicMode } from './scenario.ts';
import type { AccessType } from './verdict.ts';

/** KVM handles it, does not know it (KVM_MSR_RET_UNSUPPORTED), or rejects it (reserved bits, wrong mode). */
export const BaseOutcome = { HANDLED: 0, UNKNOWN: 1, INVALID: 2 } as const;
export type BaseOutcome = (typeof BaseOutcome)[keyof typeof BaseOutcome];
export const BASE_OUTCOME_NAMES = ['allow', 'unknown', 'inval'] as const;

/** One row: outcomes of RDMSR and of WRMSR with a value that is valid wherever one is. */
export interface BaseRow {
  readonly index: number;
  readonly read: BaseOutcome;
  readonly write: BaseOutcome;
}

/** Small leaves: the few that matter fit into a processor's first cache. */
const LEAF_BITS = 12;
const LEAF_SIZE = 1 << LEAF_BITS;
/** Kernels have rows in less than ten. */
const MAX_LEAVES = 1024;
const UNKNOWN_BYTE = 0x55;

/**
 * Outcome by index, direction and APIC mode. Rows outside 0x800-0x8ff hold in every mode. Unlisted MSRs are
 * unknown; in the x2APIC window everything is invalid unless the APIC is in x2APIC mode, and there what is
 * unlisted is invalid too (kvm_x2apic_msr_read / _write return 1).
 */
export class BaseTable {
  /** Leaf number by index >>> LEAF_BITS; leaf 0 is "all unknown". */
  readonly directory = new Uint16Array(1 << (32 - LEAF_BITS));
  /** One byte per MSR: bits 0-1 read, 2-3 write; bits 4-7 the same in x2APIC mode. */
  leaves = new Uint8Array(LEAF_SIZE).fill(UNKNOWN_BYTE);

  /** Every new VM of some engines asks for the rows, and looking through the leaves takes milliseconds. */
  private listed: readonly BaseRow[] | undefined;

  constructor(rows: Iterable<BaseRow>) {
    for (let index = X2APIC_FIRST; index <= X2APIC_LAST; index++) this.put(index, 0xaa);
    for (const { index, read, write } of rows) {
      const nibble = read | (write << 2);
      const inWindow = index >= X2APIC_FIRST && index <= X2APIC_LAST;
      this.put(index, inWindow ? 0x0a | (nibble << 4) : nibble | (nibble << 4));
    }
  }

  outcome(index: number, type: AccessType, apic: ApicMode): BaseOutcome {
    const byte = this.leaves[(this.directory[index >>> LEAF_BITS]! << LEAF_BITS) | (index & (LEAF_SIZE - 1))]!;
    return ((byte >>> ((apic === ApicMode.X2APIC ? 4 : 0) + type * 2)) & 3) as BaseOutcome;
  }

  /** What a table is made of again: rows that differ from what is unlisted, ascending; in the window, x2APIC mode's. */
  rows(): readonly BaseRow[] {
    this.listed ??= [...this.list()];
    return this.listed;
  }

  private *list(): Generator<BaseRow> {
    for (let slot = 0; slot < this.directory.length; slot++) {
      const leaf = this.directory[slot]!;
      if (leaf === 0) continue;
      for (let low = 0; low < LEAF_SIZE; low++) {
        const byte = this.leaves[(leaf << LEAF_BITS) | low]!;
        const index = slot * LEAF_SIZE + low;
        const unlisted = index >= X2APIC_FIRST && index <= X2APIC_LAST ? 0xa : UNKNOWN_BYTE >>> 4;
        const nibble = byte >>> 4;
        if (nibble !== unlisted) {
          yield { index, read: (nibble & 3) as BaseOutcome, write: (nibble >>> 2) as BaseOutcome };
        }
      }
    }
  }

  private put(index: number, byte: number): void {
    const slot = index >>> LEAF_BITS;
    if (this.directory[slot] === 0) {
      const leaf = this.leaves.length / LEAF_SIZE;
      if (leaf > MAX_LEAVES) throw new RangeError(`a base table spans at most ${MAX_LEAVES} blocks of 4,096 MSRs`);
      const grown = new Uint8Array(this.leaves.length + LEAF_SIZE).fill(UNKNOWN_BYTE, this.leaves.length);
      grown.set(this.leaves);
      this.leaves = grown;
      this.directory[slot] = leaf;
    }
    this.leaves[(this.directory[slot]! << LEAF_BITS) | (index & (LEAF_SIZE - 1))] = byte;
  }
}
