/**
 * The reference's linear scan over a batch: for each access the first range that covers the index and names the access
 * type, as kvm_msr_allowed() in arch/x86/kvm/x86.c finds it, one comparison after the other, nothing skipped.
 *
 * The scan is written out, and what it works on are constants of this module that are not exported, because V8 then
 * compares with memory at fixed addresses. A loop over a VM's own arrays checks their type and length at every step,
 * and takes four times as long. Nothing is kept from one batch to the next.
 */
import type { BaseTable } from '../model/base.ts';
import { KVM_MSR_FILTER_MAX_BITMAP_SIZE, KVM_MSR_FILTER_READ, KVM_MSR_FILTER_WRITE } from '../model/filter.ts';
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

/** Imported names are looked up each time that they are used; these are not. */
const READ = AccessType.READ;
const READ_FLAG = KVM_MSR_FILTER_READ;
const WRITE_FLAG = KVM_MSR_FILTER_WRITE;

/** Accesses that are scanned at a time. */
const BLOCK = 4096;
/** Decisions that are no range's: exempt or allowed by default, and denied by default. */
const ALLOWED = 16;
const DENIED = 17;

const INDEX = new Uint32Array(BLOCK);
const TYPE = new Uint8Array(BLOCK);
/** Number of the range that decides, ALLOWED or DENIED. */
const DECISION = new Uint8Array(BLOCK);
const VERDICT = new Uint8Array(BLOCK);

/** Long enough that V8 keeps them outside its own heap, where arrays may move. */
const WORDS = 64;
/** First and last index that no filter applies to; 1 and 0 if there is none. */
const WINDOW = new Uint32Array(WORDS);
/** What holds where no range matches: ALLOWED or DENIED. */
const DEFAULT = new Uint32Array(WORDS);
/** Start and end of each range, in turn. Where there is none, both are 0: nothing is inside. */
const EDGES = new Uint32Array(WORDS);
const FLAGS = new Uint32Array(WORDS);
const BITMAP_BYTES = KVM_MSR_FILTER_MAX_BITMAP_SIZE;
/** Bitmap by range; by ALLOWED one whose first bit is 1, by DENIED one whose first bit is 0. */
const BITS = new Uint8Array(18 * BITMAP_BYTES);
BITS[ALLOWED * BITMAP_BYTES] = 1;
/** What counts of an offset, by decision: all of it, or nothing where there is no range. */
const OFFSET = new Uint32Array(WORDS).fill(0xffff_ffff, 0, ALLOWED);
/** Verdict by (allowed << 2) | base outcome. */
const RESULT = new Uint8Array(WORDS * 4);

/** Writes the verdict of each access. */
export function judgeBatch({ indices, types }: AccessBatch, verdicts: Uint8Array, rules: Rules): void {
  const { count } = rules;
  WINDOW.set(rules.exempt ?? [1, 0]);
  const [denied, ...allowed] = rules.verdicts;
  RESULT.fill(denied, 0, 4);
  RESULT.set(allowed, 4);
  const apicShift = rules.apic === ApicMode.X2APIC ? 4 : 0;
  DEFAULT[0] = rules.defaultAllow ? ALLOWED : DENIED;
  EDGES.fill(0);
  for (let i = 0; i < count; i++) {
    EDGES[2 * i] = rules.start[i]!;
    EDGES[2 * i + 1] = rules.end[i]!;
    FLAGS[i] = rules.flags[i]!;
    BITS.set(rules.bitmap[i]!, i * BITMAP_BYTES);
  }
  for (let from = 0; from < indices.length; from += BLOCK) {
    const length = Math.min(BLOCK, indices.length - from);
    INDEX.set(indices.subarray(from, from + length));
    TYPE.set(types.subarray(from, from + length));
    scan(length, count);
    conclude(length, rules.base, apicShift);
    verdicts.set(length === BLOCK ? VERDICT : VERDICT.subarray(0, length), from);
  }
}

/** Which range decides each access of the block. */
function scan(length: number, count: number): void {
  for (let i = 0; i < length; i++) {
    const index = INDEX[i]!;
    const flag = TYPE[i] === READ ? READ_FLAG : WRITE_FLAG;
    let decision = DEFAULT[0]!;
    if (index >= WINDOW[0]! && index <= WINDOW[1]!) decision = ALLOWED;
    else if (index >= EDGES[0]! && index < EDGES[1]! && (FLAGS[0]! & flag) !== 0) decision = 0;
    else if (index >= EDGES[2]! && index < EDGES[3]! && (FLAGS[1]! & flag) !== 0) decision = 1;
    else if (index >= EDGES[4]! && index < EDGES[5]! && (FLAGS[2]! & flag) !== 0) decision = 2;
    else if (index >= EDGES[6]! && index < EDGES[7]! && (FLAGS[3]! & flag) !== 0) decision = 3;
    else if (count <= 4) decision = DEFAULT[0]!;
    else if (index >= EDGES[8]! && index < EDGES[9]! && (FLAGS[4]! & flag) !== 0) decision = 4;
    else if (index >= EDGES[10]! && index < EDGES[11]! && (FLAGS[5]! & flag) !== 0) decision = 5;
    else if (index >= EDGES[12]! && index < EDGES[13]! && (FLAGS[6]! & flag) !== 0) decision = 6;
    else if (index >= EDGES[14]! && index < EDGES[15]! && (FLAGS[7]! & flag) !== 0) decision = 7;
    else if (count <= 8) decision = DEFAULT[0]!;
    else if (index >= EDGES[16]! && index < EDGES[17]! && (FLAGS[8]! & flag) !== 0) decision = 8;
    else if (index >= EDGES[18]! && index < EDGES[19]! && (FLAGS[9]! & flag) !== 0) decision = 9;
    else if (index >= EDGES[20]! && index < EDGES[21]! && (FLAGS[10]! & flag) !== 0) decision = 10;
    else if (index >= EDGES[22]! && index < EDGES[23]! && (FLAGS[11]! & flag) !== 0) decision = 11;
    else if (index >= EDGES[24]! && index < EDGES[25]! && (FLAGS[12]! & flag) !== 0) decision = 12;
    else if (index >= EDGES[26]! && index < EDGES[27]! && (FLAGS[13]! & flag) !== 0) decision = 13;
    else if (index >= EDGES[28]! && index < EDGES[29]! && (FLAGS[14]! & flag) !== 0) decision = 14;
    else if (index >= EDGES[30]! && index < EDGES[31]! && (FLAGS[15]! & flag) !== 0) decision = 15;
    DECISION[i] = decision;
  }
}

/**
 * Verdict of each access by its range's bit, or the default, and by what KVM knows of the MSR. Without a branch: none
 * could be guessed.
 */
function conclude(length: number, { directory, leaves }: BaseTable, apicShift: number): void {
  for (let i = 0; i < length; i++) {
    const index = INDEX[i]!;
    const decision = DECISION[i]!;
    const bit = (index - EDGES[2 * decision]!) & OFFSET[decision]!;
    const allowed = (BITS[decision * BITMAP_BYTES + (bit >>> 3)]! >>> (bit & 7)) & 1;
    const byte = leaves[(directory[index >>> 12]! << 12) | (index & 0xfff)]!;
    VERDICT[i] = RESULT[(allowed << 2) | ((byte >>> (apicShift + TYPE[i]! * 2)) & 3)]!;
  }
}
