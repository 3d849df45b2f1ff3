/** The MSR catalogue: what is known of single MSRs. The rows are in `catalogue-data.ts`. */
import { BaseOutcome, type BaseRow, BaseTable } from './base.ts';
import { MSR_ROWS } from './catalogue-data.ts';
import type { KernelProfile } from './profile.ts';

export type Vendor = 'vmx' | 'svm';

/** That a vendor module can pass an MSR through to the CPU. */
export interface PassthroughCandidate {
  readonly directions: 'r' | 'w' | 'rw';
  /** `always`: wished from vCPU creation on; `dynamic`: when the vCPU's state asks for it. */
  readonly wish: 'always' | 'dynamic';
  /** First release that has it (major * 1000 + minor), 0 for all. */
  readonly since: number;
  /** Last release that has it. */
  readonly until?: number;
  /** L0 merges L1's bit into the L2 bitmap from this release on; absent: always intercepted in L2. */
  readonly mergedSince?: number;
}

export interface MsrRow {
  readonly index: number;
  /** Consecutive indices that the row stands for, default 1. Row i of a block is named `NAME+i`. */
  readonly count?: number;
  readonly name: string;
  readonly vendor: 'intel' | 'amd' | 'both' | 'kvm' | 'hyperv';
  readonly read: 'handled' | 'unknown' | 'invalid';
  readonly write: 'handled' | 'unknown' | 'invalid';
  readonly vmx?: PassthroughCandidate;
  readonly svm?: PassthroughCandidate;
  /** Where the row comes from: a kernel file, an SDM / APM table, or a measured base table. */
  readonly source: string;
}

const OUTCOME = {
  handled: BaseOutcome.HANDLED,
  unknown: BaseOutcome.UNKNOWN,
  invalid: BaseOutcome.INVALID,
} as const;

function* baseRows(): Generator<BaseRow> {
  for (const row of MSR_ROWS) {
    for (let i = 0; i < (row.count ?? 1); i++) {
      yield { index: row.index + i, read: OUTCOME[row.read], write: OUTCOME[row.write] };
    }
  }
}

/** Base outcomes of the catalogue: a machine that has every MSR listed as handled. */
export function catalogueBase(): BaseTable {
  return new BaseTable(baseRows());
}

/** A candidate as one engine sees it: one MSR, and what this kernel can pass through of it. */
export interface Candidate {
  readonly index: number;
  readonly read: boolean;
  readonly write: boolean;
  readonly always: boolean;
  /** Whether L1's bit is merged into the L2 bitmap. */
  readonly merged: boolean;
}

/** The vendor's pass-through candidates in that kernel, ascending by index. */
export function passthroughCandidates(vendor: Vendor, profile: KernelProfile): Candidate[] {
  const candidates: Candidate[] = [];
  for (const row of MSR_ROWS) {
    const entry = row[vendor];
    if (!entry || entry.since > profile.release || (entry.until ?? Infinity) < profile.release) continue;
    for (let i = 0; i < (row.count ?? 1); i++) {
      candidates.push({
        index: row.index + i,
        read: entry.directions.includes('r'),
        write: entry.directions.includes('w'),
        always: entry.wish === 'always',
        merged: entry.mergedSince !== undefined && entry.mergedSince <= profile.release,
      });
    }
  }
  return candidates.sort((a, b) => a.index - b.index);
}

/** The row of an MSR; undefined if the catalogue has none. */
export function msrRow(index: number): MsrRow | undefined {
  return MSR_ROWS.find((row) => index >= row.index && index < row.index + (row.count ?? 1));
}

/** Name of an MSR as the SDM, the APM or the kernel's msr-index.h has it; undefined if the catalogue has none. */
export function msrName(index: number): string | undefined {
  const row = msrRow(index);
  if (!row) return undefined;
  return index === row.index ? row.name : `${row.name}+${index - row.index}`;
}

/** Most indices that part of a name stands for. */
const MAX_INDICES = 4096;

/**
 * Indices that a user means: `0x174`, `372`, or part of a name in any case, as `tsc` or `IA32_SYSENTER_CS`. Ascending;
 * at most 4,096; none if the catalogue has no such name.
 */
export function msrIndices(text: string): number[] {
  const wanted = text.trim().toLowerCase();
  if (/^(0x[0-9a-f]{1,8}|\d{1,10})$/.test(wanted)) {
    const index = Number(wanted);
    return index <= 0xffff_ffff ? [index] : [];
  }
  if (wanted === '') return [];
  const indices: number[] = [];
  for (const { index, name, count = 1 } of MSR_ROWS) {
    for (let i = 0; i < count && indices.length < MAX_INDICES; i++) {
      const full = i === 0 ? name : `${name}+${i}`;
      if (full.toLowerCase().includes(wanted)) indices.push(index + i);
    }
  }
  return indices.sort((a, b) => a - b);
}

/** The one MSR that an exact name (in any case) or a number (`0x174`, `372`) means; undefined if it is neither. */
export function oneMsr(text: string): number | undefined {
  const wanted = text.trim().toLowerCase();
  if (/^(0x0*[0-9a-f]{1,8}|\d{1,10})$/.test(wanted)) {
    const index = Number(wanted);
    return index <= 0xffff_ffff ? index : undefined;
  }
  indicesByName ??= new Map(
    MSR_ROWS.flatMap(({ index, name, count = 1 }) =>
      Array.from({ length: count }, (_, i) => [(i === 0 ? name : `${name}+${i}`).toLowerCase(), index + i] as const),
    ),
  );
  return indicesByName.get(wanted);
}

let indicesByName: ReadonlyMap<string, number> | undefined;

/** The name in the catalogue that is most like a text that is none; for messages. */
export function nearestMsrName(text: string): string {
  const wanted = text.trim().toLowerCase();
  let best = MSR_ROWS[0]!.name;
  let least = Number.POSITIVE_INFINITY;
  for (const { name } of MSR_ROWS) {
    const candidate = name.toLowerCase();
    // Prefixes are what people leave out.
    const distance = candidate.endsWith(`_${wanted}`) ? 0.5 : editDistance(wanted, candidate);
    if (distance < least) [best, least] = [name, distance];
  }
  return best;
}

/** Longest text whose distance is counted; no name is half as long. */
const MAX_NAME = 100;

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, character] of [...a.slice(0, MAX_NAME)].entries()) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      next.push(Math.min(row[j + 1]! + 1, next[j]! + 1, row[j]! + (character === b[j] ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1)!;
}
