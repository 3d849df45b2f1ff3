/** Sets of MSR indices as sorted edges, so that algebra over 2^32 indices costs what the edges do. */

/** One past the last MSR index. */
export const INDICES = 0x1_0000_0000;

/** After every edge: a set that is at its end has none there. */
const PAST = INDICES + 1;

/** Indices from `first` to `last`, both included. */
export interface IndexRange {
  readonly first: number;
  readonly last: number;
}

/**
 * A set of integers from 0 to 2^32 - 1. `edges` ascends strictly: the set begins at even positions and ends before odd
 * ones. Never changed after it is made.
 */
export class IndexSet {
  static readonly EMPTY = new IndexSet([]);
  static readonly ALL = new IndexSet([0, INDICES]);

  readonly edges: readonly number[];
  /** Members before each run; made when first asked for. */
  private sizes: Float64Array | undefined;

  /** @param edges an even number, strictly ascending, from 0 to 2^32 */
  constructor(edges: readonly number[]) {
    this.edges = edges;
  }

  /** The union of ranges in any order. */
  static ofRanges(ranges: readonly IndexRange[]): IndexSet {
    const edges: number[] = [];
    for (const { first, last } of ranges.toSorted((a, b) => a.first - b.first)) {
      const end = edges.at(-1);
      if (end === undefined || first > end) edges.push(first, last + 1);
      else if (last + 1 > end) edges[edges.length - 1] = last + 1;
    }
    return new IndexSet(edges);
  }

  get empty(): boolean {
    return this.edges.length === 0;
  }

  /** Number of indices. */
  get size(): number {
    let size = 0;
    for (let i = 0; i < this.edges.length; i += 2) size += this.edges[i + 1]! - this.edges[i]!;
    return size;
  }

  has(index: number): boolean {
    return (this.edgesUpTo(index) & 1) === 1;
  }

  /** The least member from `index` on; 2^32 if there is none. */
  next(index: number): number {
    const edges = this.edgesUpTo(index);
    return (edges & 1) === 1 ? index : (this.edges[edges] ?? INDICES);
  }

  /** The least index from `index` on that is no member; 2^32 if there is none. */
  nextOutside(index: number): number {
    const edges = this.edgesUpTo(index);
    return (edges & 1) === 0 ? index : this.edges[edges]!;
  }

  /** Number of members below `index`. */
  countBelow(index: number): number {
    this.sizes ??= this.prefixSizes();
    const edges = this.edgesUpTo(index - 1);
    const whole = this.sizes[edges >>> 1]!;
    return (edges & 1) === 0 ? whole : whole + index - this.edges[edges - 1]!;
  }

  /** The greatest member below `index`; -1 if there is none. */
  previous(index: number): number {
    const edges = this.edgesUpTo(index - 1);
    return (edges & 1) === 1 ? index - 1 : edges === 0 ? -1 : this.edges[edges - 1]! - 1;
  }

  complement(): IndexSet {
    return this.xor(IndexSet.ALL);
  }

  /** Members of exactly one of the two. */
  xor(other: IndexSet): IndexSet {
    return combine(this, other, 0b0110);
  }

  or(other: IndexSet): IndexSet {
    return combine(this, other, 0b1110);
  }

  and(other: IndexSet): IndexSet {
    return combine(this, other, 0b1000);
  }

  without(other: IndexSet): IndexSet {
    return combine(this, other, 0b0010);
  }

  equals(other: IndexSet): boolean {
    return this.edges.length === other.edges.length && this.edges.every((edge, i) => edge === other.edges[i]);
  }

  /** Maximal runs, ascending. */
  *ranges(): Generator<IndexRange> {
    for (let i = 0; i < this.edges.length; i += 2) yield { first: this.edges[i]!, last: this.edges[i + 1]! - 1 };
  }

  private prefixSizes(): Float64Array {
    const sizes = new Float64Array(this.edges.length / 2 + 1);
    for (let i = 0; i < this.edges.length; i += 2) {
      sizes[i / 2 + 1] = sizes[i / 2]! + this.edges[i + 1]! - this.edges[i]!;
    }
    return sizes;
  }

  /** How many edges are at or below the index. */
  private edgesUpTo(index: number): number {
    const { edges } = this;
    let low = 0;
    let high = edges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (edges[middle]! <= index) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** `table`: bit a + 2 * b says whether the result has what is in `left` (a) and in `right` (b); bit 0 is 0. */
function combine({ edges: left }: IndexSet, { edges: right }: IndexSet, table: number): IndexSet {
  const edges: number[] = [];
  let [i, j, inside] = [0, 0, 0];
  while (i < left.length || j < right.length) {
    const a = i < left.length ? left[i]! : PAST;
    const b = j < right.length ? right[j]! : PAST;
    const at = Math.min(a, b);
    if (a === at) i++;
    if (b === at) j++;
    const keep = (table >>> ((i & 1) | ((j & 1) << 1))) & 1;
    if (keep !== inside) edges.push(at);
    inside = keep;
  }
  return new IndexSet(edges);
}
