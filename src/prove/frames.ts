/**
 * Where an order of range ends is put in the index space: at the fixed boundaries that a decision may depend on, one
 * frame each. Boundaries: the x2APIC window (api.rst, "KVM_X86_SET_MSR_FILTER"), the windows of the VMX MSR bitmap
 * (SDM 26.6.9) and of the MSRPM (APM 15.11), 2^32, 0, and 2^31, which is one for code that takes an index for signed.
 */
import { passthroughCandidates, type Vendor } from '../model/catalogue.ts';
import { KVM_MSR_FILTER_MAX_NMSRS, X2APIC_FIRST, X2APIC_LAST } from '../model/filter.ts';
import type { KernelProfile } from '../model/profile.ts';
import { ApicMode } from '../model/scenario.ts';
import type { ItemKind, Order } from './orders.ts';

/** One level's MSR index; 2^32 and more: past the top, where base + nmsrs wraps. */
export type Placement = (level: number) => number;

export interface Frame {
  readonly id: string;
  /** What is at the levels, for certificates. */
  readonly title: string;
  /** The fixed boundary, which is the last item of the order. */
  readonly boundary: ItemKind | undefined;
  /** Fewest and most ranges that it is enumerated for. */
  readonly ranges: readonly [number, number];
  /** Only for engines with this vendor's intercept bitmap. */
  readonly vendor?: Vendor;
  readonly apic: ApicMode;
  /** Every choice of slots out of 16, with what is in the others: nothing, or ranges elsewhere. */
  readonly everySlot?: boolean;
  /** Whether an order (of ranges, then boundary) belongs to the frame; default: every one. */
  readonly admits?: (order: Order) => boolean;
  /** Places that it has; default 1. */
  readonly variants?: number;
  /** `from`, `to`: levels of the boundary; `variant`: number of the place. */
  readonly place: (levels: number, from: number, to: number, variant: number) => Placement;
}

const TOP = 2 ** 32;
/** Nothing that any rule knows is near; between two blocks of 4,096 MSRs. */
const NOWHERE = 0x4000_1000;

const around =
  (middle: number, gap: number) =>
  (levels: number): Placement =>
  (level) =>
    middle + (level - (levels >>> 1)) * gap;

/** Levels one MSR apart, the boundary's at `boundary`. */
const atPoint =
  (boundary: number) =>
  (_: number, from: number): Placement =>
  (level) =>
    boundary + level - from;

/** Levels one MSR apart, counted from the ends of [first, end); those inside, from its start. */
const atWindow =
  (first: number, end: number) =>
  (_: number, from: number, to: number): Placement =>
  (level) =>
    level < to ? first + level - from : end + level - to;

/**
 * Levels on pass-through candidates, ascending, with each of them as the lowest; on the MSRs behind the last one that a
 * range from there may reach when these run out.
 */
function onCandidates(indices: readonly number[]): Required<Pick<Frame, 'place' | 'variants'>> {
  const placeOf = (lowest: number): Placement => {
    const near = indices.filter((index) => index >= lowest && index < lowest + KVM_MSR_FILTER_MAX_NMSRS / 2);
    return (level) => near[level] ?? near.at(-1)! + level - near.length + 1;
  };
  return { variants: indices.length, place: (_levels, _from, _to, variant) => placeOf(indices[variant]!) };
}

/** Every range starts below the boundary: a base is a u32. */
function startsBelow(order: Order): boolean {
  const boundary = order.at(-1)!;
  for (let i = 0; i < order.length - 2; i += 2) if (order[i]! >= boundary) return false;
  return true;
}

const PLAIN = { boundary: undefined, apic: ApicMode.NONE } as const;

const SOFTWARE_FRAMES: readonly Frame[] = [
  { ...PLAIN, id: 'free', title: 'away from every boundary', ranges: [1, 5], place: around(NOWHERE, 1) },
  {
    ...PLAIN,
    id: 'words',
    title: 'away from every boundary, ends 33 MSRs apart',
    ranges: [1, 3],
    place: around(NOWHERE, 33),
  },
  {
    ...PLAIN,
    id: 'pages',
    title: 'away from every boundary, all ends within 12,288 MSRs, as far apart as that lets them',
    ranges: [1, 3],
    place: (levels) => around(NOWHERE, Math.floor(KVM_MSR_FILTER_MAX_NMSRS / (levels - 1)))(levels),
  },
  { ...PLAIN, id: 'zero', title: 'the lowest end at MSR 0', ranges: [1, 4], place: () => (level) => level },
  {
    ...PLAIN,
    id: 'slots',
    title: 'in any slots of 16, the others empty or with ranges elsewhere',
    ranges: [1, 2],
    everySlot: true,
    place: around(NOWHERE, 1),
  },
  {
    ...PLAIN,
    id: 'sign',
    title: 'around 2^31',
    boundary: 'point',
    ranges: [1, 3],
    place: atPoint(2 ** 31),
  },
  {
    ...PLAIN,
    id: 'top',
    title: 'around 2^32, where base + nmsrs wraps',
    boundary: 'point',
    ranges: [1, 4],
    admits: startsBelow,
    place: atPoint(TOP),
  },
  {
    id: 'x2apic',
    title: 'around the x2APIC window, both of its ends, in x2APIC mode',
    boundary: 'interval',
    ranges: [1, 4],
    apic: ApicMode.X2APIC,
    place: atWindow(X2APIC_FIRST, X2APIC_LAST + 1),
  },
  {
    id: 'x2apic-off',
    title: 'around the x2APIC window, both of its ends, without an APIC',
    boundary: 'interval',
    ranges: [1, 2],
    apic: ApicMode.NONE,
    place: atWindow(X2APIC_FIRST, X2APIC_LAST + 1),
  },
];

/** The windows that a hardware bitmap covers, and the candidates whose bits it clears. */
function hardwareFrames(vendor: Vendor, profile: KernelProfile): Frame[] {
  const windows: readonly number[] = vendor === 'vmx' ? [0xc000_0000] : [0xc000_0000, 0xc001_0000];
  const common = { vendor, apic: ApicMode.NONE, ranges: [1, 3] } as const;
  const candidates = passthroughCandidates(vendor, profile).map(({ index }) => index);
  const name = vendor === 'vmx' ? 'VMX MSR bitmap' : 'MSRPM';
  return [
    {
      ...common,
      id: `${vendor}-0x2000`,
      title: `around the end of the ${name}'s low window`,
      boundary: 'point',
      place: atPoint(0x2000),
    },
    ...windows.map((first): Frame => {
      const id = `${vendor}-0x${first.toString(16)}`;
      const title = `around the ${name}'s window at 0x${first.toString(16)}, both of its ends`;
      return { ...common, id, title, boundary: 'interval', place: atWindow(first, first + 0x2000) };
    }),
    {
      ...common,
      id: `${vendor}-low-candidates`,
      title: `on the pass-through candidates of ${vendor} below 0x2000, each of them the lowest once`,
      boundary: undefined,
      ...onCandidates(candidates.filter((index) => index < 0x2000)),
    },
    {
      ...common,
      id: `${vendor}-high-candidates`,
      title: `on the pass-through candidates of ${vendor} from 0xc0000000 on, each of them the lowest once`,
      boundary: undefined,
      ...onCandidates(candidates.filter((index) => index >= 0xc000_0000)),
    },
  ];
}

/** The frames for engines with these vendors' bitmaps. */
export function framesFor(vendors: readonly Vendor[], profile: KernelProfile): Frame[] {
  return [...SOFTWARE_FRAMES, ...vendors.flatMap((vendor) => hardwareFrames(vendor, profile))];
}
