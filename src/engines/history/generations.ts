/** The generations of the interface, as values of the rules, and variants that reviewers proposed. */
import { passthroughCandidates, type Vendor } from '../../model/catalogue.ts';
import { KERNEL_PROFILES, type KernelProfile } from '../../model/profile.ts';
import type { HistoryRules } from './rules.ts';

export interface Generation {
  /** Name of the engine, and what `--from` and `--to` take. */
  readonly name: string;
  readonly title: string;
  readonly rules: HistoryRules;
  /** Its pass-through of MSRs is modelled too: `vmx` and `svm` follow its rules. */
  readonly hasHardware: boolean;
}

/** A proposal that was discussed for a generation and not posted. */
interface Option {
  readonly name: string;
  readonly title: string;
  /** Generations that it was discussed for. */
  readonly of: RegExp;
  readonly rules: Partial<HistoryRules>;
}

/** What the released filter has in all kernels. */
const RELEASED = {
  control: 'ranges',
  deflection: true,
  deflected: 'every-gp',
  unknownFirst: 'ignore-msrs',
  rest: 'as-enabled',
  exitMask: 'reasons',
  filterReason: true,
  filterBit: 4,
  unknownReason: true,
  clear: true,
  ioctl: 'one',
  bitmapMemory: 'pointer',
  defaultAction: 'selectable',
  maxRanges: 16,
  maxBitmapBytes: 0x600,
  overlap: 'permitted',
  zeroFlags: 'refused',
  emptyRange: 'skipped',
  passthrough: 'filtered',
  x2apicDeflected: true,
} as const satisfies Partial<HistoryRules>;

function released(profile: KernelProfile): HistoryRules {
  const { x2apicExempt, emptyDenyRejected, unknownFilterFlagsRejected, unknownMaskBitsRejected } = profile;
  const { rangeChecks, replacement, intercepts, nestedHonoursFilterForBases, tscDeadlineFastpath } = profile;
  return {
    ...RELEASED,
    ...{ x2apicExempt, emptyDenyRejected, unknownFilterFlagsRejected, unknownMaskBitsRejected },
    ...{ rangeChecks, replacement, intercepts, nestedHonoursFilterForBases },
    fastpathVmx: tscDeadlineFastpath.vmx,
    fastpathSvm: tscDeadlineFastpath.svm,
    candidatesVmx: oldestLike('vmx', profile),
    candidatesSvm: oldestLike('svm', profile),
  };
}

/** The oldest release of the profiles that passes through what this one does. */
function oldestLike(vendor: Vendor, profile: KernelProfile): number {
  const listOf = (other: KernelProfile): string => JSON.stringify(passthroughCandidates(vendor, other));
  return KERNEL_PROFILES.find((other) => listOf(other) === listOf(profile))!.release;
}

const ofProfile = (id: string): HistoryRules => released(KERNEL_PROFILES.find((profile) => profile.id === id)!);

const COMMITTED = ofProfile('1a155254ff93');

const V7: HistoryRules = { ...COMMITTED, unknownReason: false, filterBit: 2 };

const ALLOWLIST: HistoryRules = {
  ...V7,
  exitMask: 'on-off',
  filterReason: false,
  ioctl: 'one-per-range',
  bitmapMemory: 'inline',
  defaultAction: 'deny',
  maxRanges: 10,
  overlap: 'clash-refused',
  zeroFlags: 'accepted',
  emptyRange: 'counts',
  passthrough: 'unfiltered',
};

const ALLOWLIST_V2: HistoryRules = { ...ALLOWLIST, clear: false };

const DEFLECT: HistoryRules = { ...ALLOWLIST_V2, control: 'none', deflected: 'unknown', unknownFirst: 'user-space' };

/** Mainline as the update series of July 2022 found it: 6.1 without the checks of unused bits (derived, not measured). */
const MAINLINE_2022: HistoryRules = {
  ...ofProfile('6.1'),
  unknownFilterFlagsRejected: false,
  unknownMaskBitsRejected: false,
};

function generation(name: string, title: string, rules: HistoryRules, hasHardware = false): Generation {
  return { name, title, rules, hasHardware };
}

/** Oldest first, side branches after what they branch off. */
export const GENERATIONS: readonly Generation[] = [
  generation('deflect-2020-07', 'unknown MSRs exit to user space, no filter (July 2020)', DEFLECT),
  generation('exit-list', 'named MSRs exit to user space, nothing else changes (July 2020)', {
    ...DEFLECT,
    control: 'exit-list',
    deflection: false,
  }),
  generation('allowlist-v2', 'KVM_ADD_MSR_ALLOWLIST, nothing to clear it', ALLOWLIST_V2),
  generation('allowlist-v3', 'KVM_X86_ADD_MSR_ALLOWLIST and KVM_X86_CLEAR_MSR_ALLOWLIST', ALLOWLIST),
  generation('allowlist-v4', 'the same rules, locked', ALLOWLIST),
  generation('allowlist-v5', 'the same rules, with SRCU', ALLOWLIST),
  generation('filter-v7', 'KVM_X86_SET_MSR_FILTER as posted in September 2020', V7),
  ...KERNEL_PROFILES.flatMap((profile) => {
    const { id, title } = profile;
    const own = generation(`filter-${id}`, title, released(profile), true);
    if (id !== '6.1') return [own];
    return [
      generation('filter-2022-07', 'mainline before the update series of July 2022', MAINLINE_2022, true),
      generation('update-2022-v1', 'that series as posted: x2APIC faults never exit to user space', {
        ...MAINLINE_2022,
        x2apicDeflected: false,
      }),
      generation('update-2022-v4', 'that series as merged: without it, and unused bits protected', {
        ...MAINLINE_2022,
        unknownFilterFlagsRejected: true,
        unknownMaskBitsRejected: true,
      }),
      own,
    ];
  }),
];

/** Generations that follow each other, as [from, to]. */
export const NEIGHBOURS: readonly (readonly [string, string])[] = [
  ['deflect-2020-07', 'exit-list'],
  ['deflect-2020-07', 'allowlist-v2'],
  ['allowlist-v2', 'allowlist-v3'],
  ['allowlist-v3', 'allowlist-v4'],
  ['allowlist-v4', 'allowlist-v5'],
  ['allowlist-v5', 'filter-v7'],
  ['filter-v7', 'filter-1a155254ff93'],
  ['filter-1a155254ff93', 'filter-5.10.0'],
  ['filter-5.10.0', 'filter-5.10'],
  ['filter-5.10', 'filter-5.10.154'],
  ['filter-5.10', 'filter-2022-07'],
  ['filter-2022-07', 'update-2022-v1'],
  ['update-2022-v1', 'update-2022-v4'],
  ['update-2022-v4', 'filter-6.1'],
  ['filter-5.10.154', 'filter-6.1'],
  ['filter-6.1', 'filter-6.18'],
];

const ALLOWLISTS = /^allowlist-/;
const WITH_REST = /^(allowlist-|deflect-)/;

export const OPTIONS: readonly Option[] = [
  { name: 'gp', title: 'action for the rest (1): raise #GP', of: WITH_REST, rules: { rest: 'gp' } },
  { name: 'ignore', title: 'action for the rest (2): ignore', of: WITH_REST, rules: { rest: 'ignore' } },
  { name: 'exit', title: 'action for the rest (3): exit to user space', of: WITH_REST, rules: { rest: 'exit' } },
  { name: '0x400', title: 'bitmaps of at most 0x400 bytes', of: ALLOWLISTS, rules: { maxBitmapBytes: 0x400 } },
  { name: 'overlap', title: 'overlapping ranges permitted', of: ALLOWLISTS, rules: { overlap: 'permitted' } },
  { name: 'eperm', title: 'denials are EPERM, told from unknown MSRs', of: ALLOWLISTS, rules: { filterReason: true } },
];

/**
 * The generation of a name, or of a kernel profile's id (`6.1` for `filter-6.1`), with options after dots
 * (`allowlist-v4.overlap.0x400`); undefined if there is none.
 */
export function findGeneration(name: string): Generation | undefined {
  const matches = GENERATIONS.flatMap((candidate) =>
    [candidate.name, candidate.name.replace(/^filter-/, '')]
      .filter((spelling) => name === spelling || name.startsWith(`${spelling}.`))
      .map((spelling) => ({ candidate, spelling })),
  );
  // 5.10 is also the beginning of 5.10.154.
  matches.sort((a, b) => b.spelling.length - a.spelling.length);
  for (const { candidate, spelling } of matches) {
    const names = name === spelling ? [] : name.slice(spelling.length + 1).split('.');
    const options = names.map((option) => OPTIONS.find((o) => o.name === option && o.of.test(candidate.name)));
    if (options.includes(undefined)) continue;
    if (options.length === 0) return candidate;
    const rules: HistoryRules = Object.assign({}, candidate.rules, ...options.map((option) => option!.rules));
    const title = [candidate.title, ...options.map((option) => option!.title)].join('; ');
    return { ...candidate, name: [candidate.name, ...names].join('.'), title, rules };
  }
  return undefined;
}
