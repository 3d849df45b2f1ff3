/**
 * Semantic coverage: which rules and relations a campaign has exercised. A feature is one value of one dimension
 * ("decider=default", "region=0x8ff"); every pair of features seen together in one access, or in one filter, is
 * recorded as well. Independent of the engines: it looks at the scenario and at the verdicts.
 */

/** Values by dimension, of one access. */
const ACCESS = {
  decider: ['no-filter', 'filter-off', 'exempt', 'default', 'first-slot', 'middle-slot', 'last-slot'],
  decision: ['allow', 'deny'],
  place: ['none', 'first-bit', 'last-bit', 'only-bit', 'word-edge', 'inside'],
  border: ['none', 'before-start', 'at-end', 'between-adjacent'],
  wrapped: ['no', 'high-part', 'low-part'],
  transparent: ['no', 'earlier-range-of-other-type'],
  shadowed: ['no', 'agrees', 'disagrees'],
  region: [
    'low',
    '0x7ff',
    '0x800',
    'x2apic',
    '0x8ff',
    '0x900',
    'low-rest',
    '0x1fff',
    '0x2000',
    'gap',
    'hyperv',
    'kvm',
    'below-2^31',
    'from-2^31',
    '0xc0000000',
    'high',
    '0xc0001fff',
    '0xc0002000',
    'amd',
    '0xc0012000',
    '0xfffffffe',
    '0xffffffff',
    'tsc-deadline',
  ],
  type: ['read', 'write'],
  mask: ['0', '1', '2', '3', '4', '5', '6', '7'],
  base: ['handled', 'unknown', 'invalid'],
  verdict: ['allow', 'gp', 'filter', 'unknown', 'inval'],
  vmxRoute: ['passthrough', 'intercepted', 'fastpath', 'none'],
  svmRoute: ['passthrough', 'intercepted', 'fastpath', 'none'],
  apic: ['none', 'xapic', 'x2apic'],
  form: ['native', 'immediate', 'emulator', 'implicit', 'host'],
  since: ['start', 'filter', 'refilter', 'failed-filter', 'cap', 'apic', 'candidates', 'reply', 'nested', 'ignoreMsrs'],
} as const;

/** Values by dimension, of one KVM_X86_SET_MSR_FILTER. */
const FILTER = {
  errno: ['0', 'EINVAL', 'EFAULT', 'ENOTTY'],
  default: ['allow', 'deny', 'invalid'],
  ranges: ['0', '1', '2-5', '6-15', '16'],
  holes: ['no', 'yes'],
  nmsrs: ['none', '1', '2-63', '64', '65-12224', '12225-12287', '12288', 'over'],
  memory: ['exact', 'long', 'short', 'unmapped'],
  bits: ['none', 'zeros', 'ones', 'mixed'],
  wraps: ['no', 'end-0', 'past-0'],
  windows: [
    'none',
    'inside-x2apic',
    'straddles-0x800',
    'straddles-0x900',
    'straddles-0x2000',
    'straddles-0xc0000000',
    'straddles-0xc0002000',
    'straddles-0xc0010000',
    'straddles-2^31',
  ],
  delivery: ['normal', 'compat', 'short', 'padding', 'readonly', 'overwritten'],
} as const;

/** Relation of two ranges (Allen's thirteen), by whether their flags meet. */
const PAIR = {
  relation: [
    'before',
    'meets',
    'overlaps',
    'starts',
    'during',
    'finishes',
    'equal',
    'finished-by',
    'contains',
    'started-by',
    'overlapped-by',
    'met-by',
    'after',
  ],
  flags: ['equal', 'overlap', 'disjoint'],
} as const;

type Group = Record<string, readonly string[]>;
export type AccessDimension = keyof typeof ACCESS;

const GROUPS: readonly { readonly name: string; readonly dimensions: Group }[] = [
  { name: 'access', dimensions: ACCESS },
  { name: 'filter', dimensions: FILTER },
  { name: 'ranges', dimensions: PAIR },
];

/** First feature number by `group.dimension`. */
const FIRST = new Map<string, number>();
const NAMES: string[] = [];
/** Pairs that can be seen at all: of different dimensions of the same group. */
let possiblePairs = 0;
for (const { name, dimensions } of GROUPS) {
  const sizes: number[] = [];
  for (const [dimension, values] of Object.entries(dimensions)) {
    FIRST.set(`${name}.${dimension}`, NAMES.length);
    NAMES.push(...values.map((value) => `${name}.${dimension}=${value}`));
    for (const size of sizes) possiblePairs += size * values.length;
    sizes.push(values.length);
  }
}

export const FEATURE_COUNT = NAMES.length;
export const FEATURE_NAMES: readonly string[] = NAMES;
/** Upper bound: some of these pairs contradict each other. */
export const PAIR_COUNT = possiblePairs;

function firsts<D extends string>(group: string, dimensions: Record<D, readonly string[]>): number[] {
  return (Object.keys(dimensions) as D[]).map((dimension) => FIRST.get(`${group}.${dimension}`)!);
}
const ACCESS_FIRST = firsts('access', ACCESS);
const FILTER_FIRST = firsts('filter', FILTER);
const PAIR_FIRST = firsts('ranges', PAIR);
/** Position of a dimension in the arrays of values that `Coverage` takes. */
export const ACCESS_DIMENSIONS = Object.keys(ACCESS) as AccessDimension[];

export function accessValue(dimension: AccessDimension, value: string): number {
  return (ACCESS[dimension] as readonly string[]).indexOf(value);
}

/** Bytes of the pair set. */
const PAIR_BYTES = Math.ceil((FEATURE_COUNT * FEATURE_COUNT) / 8);

/** What travels between workers, campaign and database. */
export interface CoverageSnapshot {
  /** Times seen, by feature. */
  readonly features: number[];
  /** Bit a * FEATURE_COUNT + b (a < b), base64 where stored. */
  readonly pairs: Uint8Array;
}

export class Coverage {
  readonly features: Float64Array = new Float64Array(FEATURE_COUNT);
  readonly pairs: Uint8Array;
  /** Where the pairs of the features that are being marked begin. */
  private readonly rows = new Uint32Array(ACCESS_FIRST.length);
  /** Features and pairs seen for the first time since the last `takeNovelty`. */
  private novelty = 0;

  constructor(known?: Uint8Array) {
    this.pairs = new Uint8Array(PAIR_BYTES);
    if (known) this.pairs.set(known.subarray(0, PAIR_BYTES));
  }

  /** One access: one value number per dimension, in the order of ACCESS_DIMENSIONS. */
  access(values: Uint8Array): void {
    this.mark(ACCESS_FIRST, values);
  }

  filter(values: Uint8Array): void {
    this.mark(FILTER_FIRST, values);
  }

  rangePair(values: Uint8Array): void {
    this.mark(PAIR_FIRST, values);
  }

  merge(snapshot: CoverageSnapshot): void {
    for (let i = 0; i < FEATURE_COUNT; i++) this.features[i]! += snapshot.features[i] ?? 0;
    for (let i = 0; i < PAIR_BYTES; i++) this.pairs[i]! |= snapshot.pairs[i] ?? 0;
  }

  snapshot(): CoverageSnapshot {
    return { features: Array.from(this.features), pairs: this.pairs.slice() };
  }

  takeNovelty(): number {
    const novelty = this.novelty;
    this.novelty = 0;
    return novelty;
  }

  featuresSeen(): number {
    return this.features.reduce((seen, count) => seen + (count > 0 ? 1 : 0), 0);
  }

  pairsSeen(): number {
    let seen = 0;
    for (let byte of this.pairs) for (; byte !== 0; byte &= byte - 1) seen++;
    return seen;
  }

  /** Names of the features never seen. */
  unseen(): string[] {
    return FEATURE_NAMES.filter((_, feature) => this.features[feature] === 0);
  }

  private mark(first: readonly number[], values: Uint8Array): void {
    const { features, pairs, rows } = this;
    for (let i = 0; i < first.length; i++) {
      const feature = first[i]! + values[i]!;
      if (features[feature]!++ === 0) this.novelty++;
      rows[i] = feature * FEATURE_COUNT;
      for (let j = 0; j < i; j++) {
        const bit = rows[j]! + feature;
        if (((pairs[bit >>> 3]! >>> (bit & 7)) & 1) === 0) {
          pairs[bit >>> 3]! |= 1 << (bit & 7);
          this.novelty++;
        }
      }
    }
  }
}
