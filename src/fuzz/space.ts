/**
 * The input space, described once: what can be varied ("knobs"), the values of each, and how often each is drawn
 * when nothing steers. The fast generator and the fast-check arbitraries both draw from here.
 */
import type { Choices } from './random.ts';

/** Knob -> value -> base weight (1-255). */
export const SPACE = {
  /** Where a filter comes from. */
  origin: { fresh: 12, corpus: 2, mutated: 2 },
  /** `kvm_msr_filter.flags`. */
  filterFlags: { allow: 20, deny: 20, invalid: 1 },
  /** How the filter is handed to the ioctl. */
  delivery: { normal: 60, overwritten: 3, padding: 1, readonly: 1, short: 1, compat: 1 },
  /** Ranges; `last`: one, in slot 15, after empty slots. */
  rangeCount: { none: 1, one: 6, two: 6, few: 8, many: 3, full: 2, last: 1 },
  /** Where a range lies. */
  anchor: {
    low: 3,
    lowEnd: 2,
    x2apic: 3,
    high: 4,
    highEnd: 2,
    amd: 2,
    paravirt: 2,
    candidate: 6,
    sign: 2,
    top: 3,
    any: 2,
  },
  /** nmsrs. */
  extent: { one: 6, tiny: 5, byte: 3, word: 4, hundreds: 4, thousands: 2, window: 1, full: 2, zero: 1, over: 1 },
  rangeFlags: { read: 4, write: 4, both: 8, invalid: 1 },
  bitmap: { zeros: 4, ones: 4, random: 6, sparse: 3, dense: 3, oneBit: 3, oneOff: 3 },
  /** The memory behind the bitmap pointer. */
  buffer: { exact: 40, long: 2, byteRounded: 1, short: 1, unmapped: 1, shared: 2 },
  /** How a range relates to the one before it. */
  relation: {
    apart: 8,
    identical: 2,
    sameBase: 2,
    after: 2,
    before: 1,
    overlapsTail: 2,
    overlapsHead: 2,
    inside: 2,
    around: 2,
  },
  /** Exit mask: the eight valid ones, or unknown bits. */
  mask: { m0: 3, m1: 2, m2: 2, m3: 2, m4: 4, m5: 2, m6: 2, m7: 6, invalid: 1 },
  apic: { none: 3, xapic: 2, x2apic: 4 },
  /** What happens before the first filter. */
  prologue: { nothing: 2, mask: 8, apic: 3, candidates: 3, accesses: 2 },
  /** What happens between two runs of accesses. */
  step: {
    replace: 6,
    tweak: 5,
    again: 1,
    disable: 2,
    failing: 2,
    backToBack: 1,
    mask: 3,
    apic: 2,
    candidates: 4,
    reply: 3,
    replyLate: 2,
    nested: 2,
    nestedClean: 1,
    ignoreMsrs: 1,
  },
  steps: { s0: 4, s1: 4, s2: 4, s3: 3, s5: 2 },
  form: { native: 24, emulator: 3, immediate: 2, implicit: 1, host: 1 },
  /** What the accesses aim at. */
  target: { edges: 6, inside: 3, landmarks: 3, candidates: 3, anywhere: 1 },
} as const satisfies Record<string, Record<string, number>>;

export type Knob = keyof typeof SPACE;
export type KnobValue<K extends Knob> = keyof (typeof SPACE)[K] & string;

export const KNOBS = Object.keys(SPACE) as Knob[];
const VALUES = KNOBS.map((knob) => Object.keys(SPACE[knob]));
const BASE_WEIGHTS = KNOBS.map((knob) => Object.values(SPACE[knob]) as number[]);
/** First weight of each knob in a flat array of all weights. */
const FIRST = BASE_WEIGHTS.map((_, knob) => BASE_WEIGHTS.slice(0, knob).reduce((n, w) => n + w.length, 0));
const KNOB_NUMBER = Object.fromEntries(KNOBS.map((knob, i) => [knob, i])) as Record<Knob, number>;

/** Number of (knob, value) pairs. */
export const KNOB_VALUE_COUNT = BASE_WEIGHTS.flat().length;
/** `knob=value` by pair. */
export const KNOB_VALUE_NAMES = KNOBS.flatMap((knob, i) => VALUES[i]!.map((value) => `${knob}=${value}`));

/** Steering: a factor for each (knob, value) pair, 1-16; all 4 means "no opinion". */
export type Steering = readonly number[];
const NEUTRAL = 4;
export const NEUTRAL_STEERING: Steering = new Array(KNOB_VALUE_COUNT).fill(NEUTRAL);

/** Of 8 knobs, how many a case restricts to a few values (swarm testing: Groce et al., ISSTA 2012). */
const SWARM_EIGHTHS = 2;

/**
 * The distribution of one case: base weights times steering, with some knobs restricted to few values at random,
 * so that whole cases lean to one side instead of all looking alike.
 */
export class Policy {
  private readonly weights = new Uint32Array(KNOB_VALUE_COUNT);
  private readonly totals = new Uint32Array(KNOBS.length);
  /** Pairs drawn since `reset`, one byte each: what a case is credited with. */
  readonly drawn = new Uint8Array(KNOB_VALUE_COUNT);

  reset(choices: Choices, steering: Steering): void {
    this.drawn.fill(0);
    for (let knob = 0; knob < KNOBS.length; knob++) {
      const base = BASE_WEIGHTS[knob]!;
      const first = FIRST[knob]!;
      const restrict = (choices.u32() & 7) < SWARM_EIGHTHS;
      const kept = restrict ? choices.u32() | (1 << choices.below(base.length)) : -1;
      let total = 0;
      for (let value = 0; value < base.length; value++) {
        const weight = (kept & (1 << value)) === 0 ? 0 : base[value]! * steering[first + value]!;
        this.weights[first + value] = weight;
        total += weight;
      }
      this.totals[knob] = total;
    }
  }

  draw<K extends Knob>(choices: Choices, knob: K): KnobValue<K> {
    const number = KNOB_NUMBER[knob];
    const first = FIRST[number]!;
    let rest = choices.below(this.totals[number]!);
    let value = 0;
    while (rest >= this.weights[first + value]!) rest -= this.weights[first + value++]!;
    this.drawn[first + value] = 1;
    return VALUES[number]![value] as KnobValue<K>;
  }
}

/** Indices at the edges of what kernel and hardware treat differently (kvm-api, SDM, APM). */
export const LANDMARKS: readonly number[] = [
  0x0, 0x1, 0x10, 0x48, 0x49, 0x5f, 0x60, 0x61, 0x7f, 0x174, 0x176, 0x200, 0x277, 0x5ff, 0x600, 0x6df, 0x6e0, 0x6e1,
  0x7ff, 0x800, 0x801, 0x802, 0x808, 0x80b, 0x830, 0x83f, 0x840, 0x8fe, 0x8ff, 0x900, 0xda0, 0xfff, 0x1000, 0x1ffe,
  0x1fff, 0x2000, 0x2001, 0x2fff, 0x3000, 0xffff, 0x10000, 0x3fff_ffff, 0x4000_0000, 0x4000_0073, 0x4000_00ff,
  0x4000_0100, 0x4b56_4d00, 0x4b56_4d08, 0x4b56_4dff, 0x7fff_ffff, 0x8000_0000, 0x8000_0800, 0xbfff_ffff, 0xc000_0000,
  0xc000_0080, 0xc000_0081, 0xc000_0084, 0xc000_0100, 0xc000_0102, 0xc000_0103, 0xc000_0800, 0xc000_1ffe, 0xc000_1fff,
  0xc000_2000, 0xc000_2fff, 0xc000_3000, 0xc000_ffff, 0xc001_0000, 0xc001_0130, 0xc001_1fff, 0xc001_2000, 0xdead_beef,
  0xffff_cfff, 0xffff_d000, 0xffff_fffe, 0xffff_ffff,
];
