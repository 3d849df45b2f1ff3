/**
 * The reference's linear scan over a batch: for each access the first range that covers the index and names the access
 * type, as kvm_msr_allowed() in arch/x86/kvm/x86.c finds it, one comparison after the other, nothing skipped.
 *
 * The scan is written out, and what it works on are constants of this module that are not exported, because V8 then
 * compares with memory at fixed addresses. A loop over a VM's own arrays checks their type and length at every step,
 * and takes four times as long. Nothing is kept from one batch to the next.
 */
import type { BaseTable } from '../model/base.ts';
import { KVM_MSR_FILTER_READ, KVM_MSR_FILTER_WRITE } from '../model/filter.ts';
import { type AccessBatch, ApicMode } from '../model/scenario.ts';
import { AccessType } from '../model/verdict.ts';

/** What a batch is decided by. */
export interface Rules {
  /** Ranges in slot order, by position: start <= index < end. */
  readonly count: number;
  readonly start: Uint32Array;
  readonly end: Uint32Array;
  readonly flags: Uint32Array;
  readonly bitmap: readonly Uint8Array[];
  /** What holds where no range matches. */
  readonly defaultAllow: boolean;
  /** Indices that no filter applies to, first and last. */
  readonly exempt: readonly [number, number] | undefined;
  readonly base: BaseTable;
  readonly apic: ApicMode;
  /** Verdict of a denied access, and of an allowed one by base outcome: handled, unknown, invalid. */
  readonly verdicts: readonly [number, number, number, number];
}

/** Accesses that are scanned at a time. */
const BLOCK = 4096;
/** Decisions that are no range. */
const EXEMPT = 16;
const NO_RANGE = 17;

const INDEX = new Uint32Array(BLOCK);
const TYPE = new Uint8Array(BLOCK);
/** Number of the range that decides, EXEMPT or NO_RANGE. */
const DECISION = new Uint8Array(BLOCK);
const VERDICT = new Uint8Array(BLOCK);

/** Long enough that V8 keeps them outside its own heap, where arrays may move. */
const WORDS = 64;
/** The ranges. Where there is none, start and end are 0: nothing is inside. */
const START = new Uint32Array(WORDS);
const END = new Uint32Array(WORDS);
const FLAGS = new Uint32Array(WORDS);

/** Writes the verdict of each access. */
export function judgeBatch({ indices, types }: AccessBatch, verdicts: Uint8Array, rules: Rules): void {
  const { count } = rules;
  const [exemptFirst, exemptLast] = rules.exempt ?? [1, 0];
  const [denied, ...allowed] = rules.verdicts;
  const byOutcome = Uint8Array.from(allowed);
  const apicShift = rules.apic === ApicMode.X2APIC ? 4 : 0;
  START.fill(0);
  END.fill(0);
  for (let i = 0; i < count; i++) {
    START[i] = rules.start[i]!;
    END[i] = rules.end[i]!;
    FLAGS[i] = rules.flags[i]!;
  }
  for (let from = 0; from < indices.length; from += BLOCK) {
    const length = Math.min(BLOCK, indices.length - from);
    INDEX.set(indices.subarray(from, from + length));
    TYPE.set(types.subarray(from, from + length));
    scan(length, count, exemptFirst, exemptLast);
    conclude(length, rules.bitmap, rules.defaultAllow, denied, byOutcome, rules.base, apicShift);
    verdicts.set(length === BLOCK ? VERDICT : VERDICT.subarray(0, length), from);
  }
}

/** Which range decides each access of the block. */
function scan(length: number, count: number, exemptFirst: number, exemptLast: number): void {
  for (let i = 0; i < length; i++) {
    const index = INDEX[i]!;
    const flag = TYPE[i] === AccessType.READ ? KVM_MSR_FILTER_READ : KVM_MSR_FILTER_WRITE;
    let decision = NO_RANGE;
    if (index >= exemptFirst && index <= exemptLast) decision = EXEMPT;
    else if (index >= START[0]! && index < END[0]! && (FLAGS[0]! & flag) !== 0) decision = 0;
    else if (index >= START[1]! && index < END[1]! && (FLAGS[1]! & flag) !== 0) decision = 1;
    else if (index >= START[2]! && index < END[2]! && (FLAGS[2]! & flag) !== 0) decision = 2;
    else if (index >= START[3]! && index < END[3]! && (FLAGS[3]! & flag) !== 0) decision = 3;
    else if (count <= 4) decision = NO_RANGE;
    else if (index >= START[4]! && index < END[4]! && (FLAGS[4]! & flag) !== 0) decision = 4;
    else if (index >= START[5]! && index < END[5]! && (FLAGS[5]! & flag) !== 0) decision = 5;
    else if (index >= START[6]! && index < END[6]! && (FLAGS[6]! & flag) !== 0) decision = 6;
    else if (index >= START[7]! && index < END[7]! && (FLAGS[7]! & flag) !== 0) decision = 7;
    else if (count <= 8) decision = NO_RANGE;
    else if (index >= START[8]! && index < END[8]! && (FLAGS[8]! & flag) !== 0) decision = 8;
    else if (index >= START[9]! && index < END[9]! && (FLAGS[9]! & flag) !== 0) decision = 9;
    else if (index >= START[10]! && index < END[10]! && (FLAGS[10]! & flag) !== 0) decision = 10;
    else if (index >= START[11]! && index < END[11]! && (FLAGS[11]! & flag) !== 0) decision = 11;
    else if (index >= START[12]! && index < END[12]! && (FLAGS[12]! & flag) !== 0) decision = 12;
    else if (index >= START[13]! && index < END[13]! && (FLAGS[13]! & flag) !== 0) decision = 13;
    else if (index >= START[14]! && index < END[14]! && (FLAGS[14]! & flag) !== 0) decision = 14;
    else if (index >= START[15]! && index < END[15]! && (FLAGS[15]! & flag) !== 0) decision = 15;
    DECISION[i] = decision;
  }
}

/** From what decides to the verdict. */
function conclude(
  length: number,
  bitmap: readonly Uint8Array[],
  defaultAllow: boolean,
  denied: number,
  byOutcome: Uint8Array,
  { directory, leaves }: BaseTable,
  apicShift: number,
): void {
  for (let i = 0; i < length; i++) {
    const decision = DECISION[i]!;
    let allowed = defaultAllow;
    if (decision < EXEMPT) {
      const bit = INDEX[i]! - START[decision]!;
      allowed = ((bitmap[decision]![bit >>> 3]! >>> (bit & 7)) & 1) === 1;
    } else if (decision === EXEMPT) allowed = true;
    if (allowed) {
      const index = INDEX[i]!;
      const byte = leaves[(directory[index >>> 16]! << 16) | (index & 0xffff)]!;
      VERDICT[i] = byOutcome[(byte >>> (apicShift + TYPE[i]! * 2)) & 3]!;
    } else VERDICT[i] = denied;
  }
}
