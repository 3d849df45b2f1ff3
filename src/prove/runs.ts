/**
 * What a compiled filter decides, for one direction, over all 2^32 indices: sorted runs whose decision is a constant or
 * bits of a buffer. Made from the compiled data alone, by the lookup that src/engines/compiled-filter.ts states.
 */
import type { FilterForm, PagesForm, ScanForm, SegmentsForm, SlotsForm } from '../engines/compiled-filter.ts';

/** One past the last index. */
export const INDICES = 0x1_0000_0000;
const TYPES = [0, 1] as const;

/** Runs in ascending order, the first from index 0 on; each ends where the next begins. */
export class Runs {
  /** First index. */
  readonly start: number[] = [];
  /** Where the bits are; undefined: the decision is constant. */
  readonly words: (Uint32Array | undefined)[] = [];
  /** The constant, 0 or 1; or the number of the first index's bit in the words, from the least significant one on. */
  readonly value: number[] = [];

  constant(start: number, value: number): void {
    const last = this.start.length - 1;
    if (last >= 0 && this.words[last] === undefined && this.value[last] === value) return;
    this.push(start, undefined, value);
  }

  /** Bits from `offset` on for the indices from `start` to `end`; those that are outside the buffer are 0. */
  bits(start: number, end: number, words: Uint32Array, offset: number): void {
    let at = start;
    if (offset < 0) {
      this.constant(at, 0);
      at = Math.min(end, start - offset);
    }
    const stop = Math.min(end, start + words.length * 32 - offset);
    if (at < stop) {
      this.push(at, words, offset + (at - start));
      at = stop;
    }
    if (at < end) this.constant(at, 0);
  }

  end(run: number): number {
    return run + 1 < this.start.length ? this.start[run + 1]! : INDICES;
  }

  /** 1: allowed. */
  decision(index: number): number {
    let low = 0;
    let high = this.start.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.start[middle]! <= index) low = middle;
      else high = middle;
    }
    const words = this.words[low];
    return words === undefined ? this.value[low]! : bitAt(words, this.value[low]! + (index - this.start[low]!));
  }

  private push(start: number, words: Uint32Array | undefined, value: number): void {
    this.start.push(start);
    this.words.push(words);
    this.value.push(value);
  }
}

export function bitAt(words: Uint32Array, bit: number): number {
  return (words[bit >>> 5]! >>> (bit & 31)) & 1;
}

/** The runs of reads and of writes. */
export function runsOf(form: FilterForm): readonly [Runs, Runs] {
  const runs = [new Runs(), new Runs()] as const;
  switch (form.kind) {
    case 'scan':
      scanRuns(form, runs);
      break;
    case 'pages':
      pageRuns(form, runs);
      break;
    case 'segments':
      segmentRuns(form, runs);
      break;
    case 'slots':
      slotRuns(form, runs);
      break;
  }
  return runs;
}

type BothRuns = readonly [Runs, Runs];

function scanRuns({ count, start, end, flags, bitmaps, defaultAllow, exempt }: ScanForm, runs: BothRuns): void {
  const words = Array.from({ length: count }, (_, i) => wordsOf(bitmaps[i]!));
  forEachSegment([...start.subarray(0, count), ...end.subarray(0, count)], exempt, runs, (from, to, type, target) => {
    for (let i = 0; i < count; i++) {
      if (from < start[i]! || from >= end[i]! || ((flags[i]! >>> type) & 1) === 0) continue;
      target.bits(from, to, words[i]!, from - start[i]!);
      return;
    }
    target.constant(from, defaultAllow ? 1 : 0);
  });
}

function segmentRuns(form: SegmentsForm, runs: BothRuns): void {
  const { active, segments, cuts, owner, bases, bitmaps, defaultAllow, exempt } = form;
  if (!active) {
    for (const type of TYPES) runs[type].constant(0, 1);
    return;
  }
  const words = bitmaps.map((bitmap) => bitmap && wordsOf(bitmap));
  // Whatever the cuts' order, the search compares an index with nothing but them.
  forEachSegment([...cuts.subarray(0, segments)], exempt, runs, (from, to, type, target) => {
    let low = 0;
    for (let n = segments; n > 1; ) {
      const half = n >>> 1;
      if (cuts[low + half]! <= from) low += half;
      n -= half;
    }
    const slot = owner[low * 2 + type]!;
    const bits = words[slot];
    if (bits) target.bits(from, to, bits, from - bases[slot]!);
    else target.constant(from, defaultAllow ? 1 : 0);
  });
}

const BLOCK = 4096;

function slotRuns(form: SlotsForm, runs: BothRuns): void {
  const { active, slotsOfBlock, slotsOfType, base, nmsrs, bits, stride, defaultAllow, exempt } = form;
  if (!active) {
    for (const type of TYPES) runs[type].constant(0, 1);
    return;
  }
  const points: number[] = [];
  const words: Uint32Array[] = [];
  for (let slot = 0; slot < base.length; slot++) {
    words.push(wordsOf(bits.subarray(slot * stride, (slot + 1) * stride)));
    if ((((slotsOfType[0]! | slotsOfType[1]!) >>> slot) & 1) === 0) continue;
    const end = base[slot]! + nmsrs[slot]!;
    points.push(base[slot]!, end);
    // The table of blocks may leave a slot out of any block that the range is in, so each is looked at.
    for (let block = (Math.floor(base[slot]! / BLOCK) + 1) * BLOCK; block < end; block += BLOCK) points.push(block);
  }
  forEachSegment(points, exempt, runs, (from, to, type, target) => {
    const slots = slotsOfBlock[((from >>> 12) ^ (from >>> 20)) & 4095]! & slotsOfType[type]!;
    for (let slot = 0; slot < base.length; slot++) {
      const offset = from - base[slot]!;
      if (((slots >>> slot) & 1) === 0 || offset < 0 || offset >= nmsrs[slot]!) continue;
      target.bits(from, to, words[slot]!, offset);
      return;
    }
    target.constant(from, defaultAllow ? 1 : 0);
  });
}

const PAGE_WORDS = 128;
const BLOCKS = INDICES / BLOCK;
/** Directory entries that are compared at a time. */
const STRIDE = 4096;
const ZEROS = Buffer.alloc(STRIDE);

function pageRuns({ directory, pages }: PagesForm, runs: BothRuns): void {
  if (directory.length !== BLOCKS) throw new RangeError(`a directory of ${directory.length} entries, not ${BLOCKS}`);
  const constants = TYPES.map((type) => constantOf(pages, type * PAGE_WORDS));
  const put = (block: number, page: number): void => {
    for (const type of TYPES) {
      const first = page * 2 * PAGE_WORDS + type * PAGE_WORDS;
      if (page === 0 && constants[type] !== undefined) runs[type].constant(block * BLOCK, constants[type]);
      else runs[type].bits(block * BLOCK, (block + 1) * BLOCK, pages, first * 32);
    }
  };
  const uniform = constants.every((constant) => constant !== undefined);
  let next = 0;
  for (const block of touchedBlocks(directory)) {
    // Blocks of page 0 from `next` to here: one run if the page is uniform.
    for (; next < block; next = uniform ? block : next + 1) put(next, 0);
    put(block, directory[block]!);
    next = block + 1;
  }
  for (; next < BLOCKS; next = uniform ? BLOCKS : next + 1) put(next, 0);
}

/** Blocks whose directory entry is not 0, ascending. Every entry is compared. */
function touchedBlocks(directory: Uint8Array): number[] {
  const bytes = Buffer.from(directory.buffer, directory.byteOffset, BLOCKS);
  const words = wordsOf(directory);
  const touched: number[] = [];
  for (let from = 0; from < BLOCKS; from += STRIDE) {
    if (bytes.compare(ZEROS, 0, STRIDE, from, from + STRIDE) === 0) continue;
    for (let word = from / 4; word < (from + STRIDE) / 4; word++) {
      if (words[word] === 0) continue;
      for (let block = word * 4; block < word * 4 + 4; block++) if (directory[block] !== 0) touched.push(block);
    }
  }
  return touched;
}

/** The bit that all of half a page is; undefined if it is not uniform. */
function constantOf(pages: Uint32Array, first: number): 0 | 1 | undefined {
  const value = pages[first]!;
  for (let i = 1; i < PAGE_WORDS; i++) if (pages[first + i] !== value) return undefined;
  return value === 0 ? 0 : value === 0xffff_ffff ? 1 : undefined;
}

type Visit = (from: number, to: number, type: 0 | 1, target: Runs) => void;

/** Visits both directions of the segments between the points; what is exempt is allowed without asking. */
function forEachSegment(
  points: number[],
  exempt: readonly [number, number] | undefined,
  runs: BothRuns,
  visit: Visit,
): void {
  points.push(0);
  if (exempt) points.push(exempt[0], exempt[1] + 1);
  const cuts = Float64Array.from(points).sort();
  for (let i = 0; i < cuts.length; i++) {
    const from = cuts[i]!;
    const to = i + 1 < cuts.length ? Math.min(cuts[i + 1]!, INDICES) : INDICES;
    if (from >= to) continue;
    const exempted = exempt !== undefined && from >= exempt[0] && from <= exempt[1];
    for (const type of TYPES) {
      if (exempted) runs[type].constant(from, 1);
      else visit(from, to, type, runs[type]);
    }
  }
}

/** The bytes as little-endian words; bits past the last byte are 0. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  if (bytes.byteOffset % 4 === 0 && bytes.length % 4 === 0) {
    return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  }
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  return new Uint32Array(padded.buffer);
}
