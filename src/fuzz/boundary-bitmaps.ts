/** Boundary cases 69-78: the intercept bitmaps, L2, and filters that change. */
import { passthroughCandidates, type Vendor } from '../model/catalogue.ts';
import { AccessType } from '../model/verdict.ts';
import { allows, type BoundaryCase, type CaseView, type Step } from './boundary-view.ts';

const { READ, WRITE } = AccessType;
const KERNEL_GS_BASE = 0xc000_0102;
const FS_BASE = 0xc000_0100;

type Class = 'allowed' | 'R denied' | 'W denied' | 'RW denied';
const CLASSES: readonly Class[] = ['allowed', 'R denied', 'W denied', 'RW denied'];
function classOf(filter: Step['after'], index: number): Class {
  const bits = (allows(filter, index, READ) ? 0 : 1) | (allows(filter, index, WRITE) ? 0 : 2);
  return CLASSES[bits]!;
}

/** Whether KVM itself wants to pass any direction of an MSR through after a step. */
function wanted(view: CaseView, vendor: Vendor, index: number, after: number): boolean {
  const candidate = passthroughCandidates(vendor, view.config.profile).find((entry) => entry.index === index);
  if (!candidate) return false;
  let wish = candidate.always;
  for (const { event, number } of view.steps) {
    if (number > after) break;
    if (event.kind !== 'candidates') continue;
    for (const change of event.changes) {
      if (change.index === index) wish = (change.read && candidate.read) || (change.write && candidate.write);
    }
  }
  return wish;
}

const candidates = (view: CaseView) =>
  (['vmx', 'svm'] as const).flatMap((vendor) =>
    passthroughCandidates(vendor, view.config.profile).map((candidate) => ({ vendor, ...candidate })),
  );
/** Steps after which bitmaps are what filter and wishes make of them: the wish came last, or the filter did. */
const wishLast = ({ event, after }: Step): boolean => event.kind === 'candidates' && after !== null;
const filterLast = ({ event, code, after }: Step): boolean => event.kind === 'filter' && code === 0 && after !== null;

const COMBINATIONS: BoundaryCase[] = [true, false].flatMap((wish) =>
  CLASSES.flatMap((decision) =>
    [true, false].map((filterFirst) => ({
      id: 69,
      part: `${wish ? 'wanted' : 'not wanted'}, ${decision}, ${filterFirst ? 'filter first' : 'wish first'}`,
      title: 'wish and filter in every combination and order',
      reached: (view: CaseView) =>
        view.someStep((step) => {
          if (!(filterFirst ? wishLast(step) : filterLast(step))) return false;
          const { event } = step;
          const changed = event.kind === 'candidates' ? new Set(event.changes.map(({ index }) => index)) : undefined;
          return candidates(view).some(
            ({ vendor, index, read, write }) =>
              read &&
              write &&
              (changed?.has(index) ?? true) &&
              classOf(step.after, index) === decision &&
              wanted(view, vendor, index, step.number) === wish,
          );
        }),
    })),
  ),
);

/** For one candidate: wanted and decided both ways in one direction at least. */
export function candidateCase(vendor: Vendor, index: number, denied: boolean): BoundaryCase {
  return {
    id: 69,
    part: `${vendor} 0x${index.toString(16)}, ${denied ? 'denied' : 'allowed'}`,
    title: 'every candidate, wanted',
    reached: (view) =>
      view.someStep((step) => {
        if (!wishLast(step) && !filterLast(step)) return false;
        if ((classOf(step.after, index) !== 'allowed') !== denied) return false;
        return wanted(view, vendor, index, step.number);
      }),
  };
}

/** Decisions on a wanted MSR under the filters set one after the other: allowed, denied, allowed. */
const thereAndBack = (view: CaseView): boolean =>
  candidates(view).some(({ vendor, index, read }) => {
    const type = read ? READ : WRITE;
    let state = 0;
    for (const { event, code, after, number } of view.steps) {
      if (event.kind !== 'filter' || code !== 0) continue;
      if (allows(after, index, type) === (state % 2 === 1)) continue;
      if (state === 2) return wanted(view, vendor, index, number);
      state++;
    }
    return false;
  });

const dynamicWish = (view: CaseView, test: (step: Step, index: number) => boolean): boolean =>
  view.someStep((step) => {
    if (step.event.kind !== 'candidates') return false;
    return step.event.changes.some(
      ({ index, read, write }) =>
        (read || write) &&
        candidates(view).some((entry) => entry.index === index && !entry.always) &&
        test(step, index),
    );
  });

const nested = (view: CaseView, test: (event: Step['event'] & { kind: 'nested' }, step: Step) => boolean): boolean =>
  view.someStep((step) => step.event.kind === 'nested' && test(step.event, step));
/** L1 enters with "clean" and other bits than at the last entry; whether L0's bitmap may have changed in between. */
const cleanEntry = (view: CaseView, changed: boolean): boolean =>
  nested(view, ({ clean, bitmaps, mapped }, { number }) => {
    if (clean !== true || !bitmaps || !mapped) return false;
    const last = view.steps.findLast(
      (step) => step.number < number && step.event.kind === 'nested' && step.event.bitmaps && step.event.mapped,
    );
    if (!last) return false;
    const between = view.steps.slice(last.number + 1, number);
    const touches = ({ event, code }: Step): boolean =>
      (event.kind === 'filter' && code === 0) || event.kind === 'candidates' || event.kind === 'apic';
    return between.some(touches) === changed;
  });

/** An MSR and direction accessed right before and right after a filter change that turns the decision round. */
const oldOrNew = (view: CaseView): boolean =>
  view.someStep(({ event, before, after, number, code }) => {
    const [earlier, later] = [view.steps[number - 1]?.event, view.steps[number + 1]?.event];
    if (event.kind !== 'filter' || code !== 0 || earlier?.kind !== 'access' || later?.kind !== 'access') return false;
    const key = (index: number, type: number): number => index * 2 + type;
    const seen = new Set(Array.from(earlier.batch.indices, (index, i) => key(index, earlier.batch.types[i]!)));
    return later.batch.indices.some((index, i) => {
      const type = later.batch.types[i] as AccessType;
      return seen.has(key(index, type)) && allows(before.filter, index, type) !== allows(after, index, type);
    });
  });

export const BITMAP_CASES: readonly BoundaryCase[] = [
  ...COMBINATIONS,
  { id: 70, title: 'allowed, denied, allowed: passed through again', reached: thereAndBack },
  {
    id: 71,
    part: 'after the filter',
    title: 'dynamic wish',
    reached: (v) => dynamicWish(v, ({ after }, index) => after !== null && classOf(after, index) !== 'allowed'),
  },
  {
    id: 71,
    part: 'before the filter',
    title: 'dynamic wish',
    reached: (v) =>
      dynamicWish(v, ({ after, number }, index) =>
        v.steps.some(
          (later) =>
            after === null && later.number > number && filterLast(later) && classOf(later.after, index) !== 'allowed',
        ),
      ),
  },
  ...[true, false].map(
    (denied): BoundaryCase => ({
      id: 72,
      part: denied ? 'denied by L0' : 'allowed by L0',
      title: 'FS, GS and KERNEL_GS_BASE in L1 and L2',
      reached: (v) =>
        nested(v, ({ bitmaps, mapped, passthrough }, { after }) =>
          passthrough.some(
            ({ index, read }) =>
              bitmaps &&
              mapped &&
              index >= FS_BASE &&
              index <= KERNEL_GS_BASE &&
              read &&
              after !== null &&
              allows(after, index, READ) !== denied,
          ),
        ),
    }),
  ),
  { id: 73, title: 'L1 without bitmaps', reached: (v) => nested(v, ({ bitmaps }) => !bitmaps) },
  { id: 74, title: "L1's bitmap not mapped", reached: (v) => nested(v, (event) => event.bitmaps && !event.mapped) },
  {
    id: 75,
    part: 'reused',
    title: "L1's bits change with eVMCS clean set",
    reached: (v) => cleanEntry(v, false),
  },
  {
    id: 75,
    part: "L0's changed",
    title: "L1's bits change with eVMCS clean set",
    reached: (v) => cleanEntry(v, true),
  },
  {
    id: 76,
    title: 'one MSR changes and its neighbours in the bitmap do not',
    reached: (v) =>
      v.someStep(({ event }) => {
        if (event.kind !== 'candidates') return false;
        const indices = new Set(event.changes.map(({ index }) => index));
        const all = candidates(v);
        return all.some(({ vendor, index }) => {
          const beside = (entry: { vendor: Vendor; index: number }): boolean =>
            entry.vendor === vendor && entry.index >>> 2 === index >>> 2 && !indices.has(entry.index);
          return indices.has(index) && all.some(beside);
        });
      }),
  },
  {
    id: 77,
    title: 'two filters with no access between them',
    reached: (v) =>
      v.someStep(({ event, number, code }) => {
        const next = v.steps[number + 1];
        return event.kind === 'filter' && code === 0 && next?.event.kind === 'filter' && next.code === 0;
      }),
  },
  { id: 78, title: 'a filter change between accesses: the old or the new decision', reached: oldOrNew },
];
