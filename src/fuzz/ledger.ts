/**
 * The ledger of known divergences: data, not code. A match is counted and not reported, and what it describes keeps
 * being generated; anything that differs from the entry (another result, another MSR, another engine) is new.
 */
import { type AccessType, VERDICT_NAMES, type VerdictName } from '../model/verdict.ts';
import type { DivergenceKind, Observation } from './compare.ts';

export interface LedgerEntry {
  readonly id: string;
  readonly title: string;
  readonly owner: string;
  readonly link: string;
  /** Profiles that it holds for. */
  readonly profiles: readonly string[];
  /** Day (YYYY-MM-DD) from which on it is reported again. */
  readonly expires: string;
  readonly kind: DivergenceKind;
  /** Engines that stand against the others. */
  readonly engines: readonly string[];
  /** First and last MSR index. */
  readonly indices: readonly [number, number];
  readonly type?: 'read' | 'write';
  /** For kind `verdict`: what the others say, and what the engine says. */
  readonly expected?: readonly VerdictName[];
  readonly got?: readonly VerdictName[];
}

/** What is known of real kernels. */
export const SHIPPED_LEDGER: readonly LedgerEntry[] = [
  {
    id: 'tsc-deadline-fastpath',
    title: 'WRMSR TSC_DEADLINE is completed by the exit fastpath before the filter is asked',
    owner: 'msrdiff',
    link: 'arch/x86/kvm/x86.c, __handle_fastpath_wrmsr(); test/ground-truth/known-holes/linux-6.1-vmx-6e0.jsonl.gz',
    profiles: ['1a155254ff93', '5.10.0', '5.10', '5.10.154', '6.1', '6.18'],
    expires: '2027-12-31',
    kind: 'verdict',
    engines: ['vmx', 'svm'],
    indices: [0x6e0, 0x6e0],
    type: 'write',
    expected: ['gp', 'filter'],
    got: ['allow'],
  },
];

/** The entries of one campaign: those of its profile that have not expired on its first day. */
export class Ledger {
  private readonly entries: readonly LedgerEntry[];

  constructor(entries: readonly LedgerEntry[], profile: string, day: string) {
    this.entries = entries.filter((entry) => entry.profiles.includes(profile) && entry.expires > day);
  }

  /** Whether an entry is about the MSR. */
  concerns(index: number): boolean {
    for (const { indices } of this.entries) if (index >= indices[0] && index <= indices[1]) return true;
    return false;
  }

  match({ kind, index, type, expected, got }: Observation, engine: string): LedgerEntry | undefined {
    return this.entries.find(
      (entry) => covers(entry, engine, kind, index, type, got) && names(entry.expected, expected),
    );
  }

  /** Whether what the engine answers there is known to differ from the others, whatever they answer. */
  expects(engine: string, kind: DivergenceKind, index: number, type: AccessType, got: number): boolean {
    return this.entries.some((entry) => covers(entry, engine, kind, index, type, got));
  }
}

function covers(
  entry: LedgerEntry,
  engine: string,
  kind: DivergenceKind,
  index: number,
  type: AccessType,
  got: number,
): boolean {
  return (
    index >= entry.indices[0] &&
    index <= entry.indices[1] &&
    entry.kind === kind &&
    entry.engines.includes(engine) &&
    (entry.type === undefined || (entry.type === 'write') === (type === 1)) &&
    names(entry.got, got)
  );
}

function names(list: readonly VerdictName[] | undefined, verdict: number): boolean {
  return list === undefined || list.includes(VERDICT_NAMES[verdict]!);
}
