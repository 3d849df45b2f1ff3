import { describe, expect, it } from 'vitest';
import { compareNights, markKnown } from './compare.ts';
import { divergence, night } from './report.fixture.ts';
import type { NightProof, NightReport, StepState } from './report.ts';
import { exitCodeOf, findingsOf, gone } from './verdict.ts';

const step = (state: StepState): NightReport['steps'][number] => ({
  ...{ kind: 'campaign', name: 'newest', state, seconds: 1, code: null, message: '', command: [] },
});
const proof = (divergence: string | null): NightProof => ({
  ...{ args: ['--lemmas'], outcome: 'disproven', certificate: 'c.json', divergence, shards: null, known: false },
  message: '',
});
const mismatch = {
  ...{ recording: 'r', engine: 'e', profile: '6.1', cases: 1, checks: 1, mismatches: 1, skipped: 0, known: false },
  listed: [{ line: 3, text: 'a' }],
};

describe('the exit code of a night', () => {
  it.each([
    ['nothing new', night(), 0],
    ['what was known before', night({ divergences: [divergence('a', { change: 'seen' })] }), 0],
    ['a new divergence', night({ divergences: [divergence('a')] }), 1],
    ['a reopened one', night({ divergences: [divergence('a', { change: 'reopened' })] }), 1],
    ['a recording that does not hold', night({ conformance: [mismatch] }), 1],
    ['one that did not hold before', night({ conformance: [{ ...mismatch, known: true }] }), 0],
    ['a disproof', night({ proofs: [proof(null)] }), 1],
    ['the disproof of the night before', night({ proofs: [{ ...proof(null), known: true }] }), 0],
    [
      'a disproof by what was known before',
      night({ proofs: [proof('a')], divergences: [divergence('a', { change: 'seen' })] }),
      0,
    ],
    ['an unfinished proof', night({ steps: [step('unfinished'), step('skipped')] }), 0],
    ['a crash', night({ steps: [step('refused'), step('crashed')] }), 70],
    ['a hang', night({ steps: [step('hung')] }), 70],
    ['a crash beside something new', night({ steps: [step('crashed')], divergences: [divergence('a')] }), 1],
    ['wrong input', night({ steps: [step('unavailable'), step('refused')] }), 2],
    ['a missing engine', night({ steps: [step('unavailable')] }), 3],
    ['an interruption', night({ interrupted: true, divergences: [divergence('a')] }), 130],
  ])('for %s', (_, report, code) => {
    expect(exitCodeOf(report)).toBe(code);
  });

  it('counts a disproof and its divergence once', () => {
    expect(findingsOf(night({ proofs: [proof('a')], divergences: [divergence('a')] }))).toBe(1);
    expect(findingsOf(night({ proofs: [proof(null)], divergences: [divergence('a')] }))).toBe(2);
  });
});

it('suggests to mark as fixed what is known and no longer diverges', () => {
  const run = { kind: 'verdict', subject: 'e', runs: 1 };
  const rechecks = [
    { ...run, id: 'a', status: 'known', result: 'agrees' },
    { ...run, id: 'b', status: 'fixed', result: 'agrees' },
    { ...run, id: 'c', status: 'triaged', result: 'diverges' },
    { ...run, id: 'd', status: 'triaged', result: 'unknown' },
  ] as const;
  expect(gone({ rechecks }).map(({ id }) => id)).toEqual(['a']);
});

describe('two nights', () => {
  const before = night({
    startedAt: '2026-11-20T01:00:00.000Z',
    divergences: [divergence('a'), divergence('b'), divergence('c')],
    coverage: { features: ['f1', 'f2'], of: 9, pairs: 5 },
  });

  it('are compared by coverage, throughput and divergences', () => {
    const [campaign] = night().campaigns;
    const now = night({
      divergences: [divergence('a', { change: 'seen' })],
      rechecks: [{ id: 'b', kind: 'verdict', subject: 'e', status: 'known', result: 'diverges', runs: 1 }],
      coverage: { features: ['f2', 'f3'], of: 9, pairs: 7 },
      // Of both together: 150 cases per second, not the mean of 100 and 300.
      campaigns: [campaign!, { ...campaign!, cases: 1000, seconds: 10 / 3 }],
    });
    expect(compareNights(before, now)).toEqual({
      ...{ with: before.startedAt, gained: ['f3'], lost: ['f1'], notSeen: ['c'], pairs: { before: 5, now: 7 } },
      casesPerSecond: { before: 100, now: expect.closeTo(150) },
      accessesPerSecond: { before: 9000, now: expect.closeTo(13_500) },
    });
  });

  it('are not where one of them ran no campaign', () => {
    expect(compareNights(undefined, night())).toBeNull();
    expect(compareNights(before, night({ campaigns: [] }))).toBeNull();
  });
});

describe('what is known of the last night', () => {
  const known = (now: NightReport, ...earlier: NightReport[]): boolean[] => {
    const marked = markKnown(now, earlier);
    return [...marked.conformance, ...marked.proofs].map((one) => one.known);
  };
  const now = night({ conformance: [mismatch], proofs: [proof(null)] });

  it('is what it showed as well', () => {
    expect(known(now)).toEqual([false, false]);
    expect(known(now, now)).toEqual([true, true]);
    // A night that did not come to it says nothing.
    expect(known(now, now, night())).toEqual([true, true]);
    expect(known(now, now, night({ conformance: [{ ...mismatch, mismatches: 0 }] }))).toEqual([false, true]);
    expect(known(now, night({ proofs: [{ ...proof(null), outcome: 'proven' }] }))).toEqual([false, false]);
  });

  it('is not what differs elsewhere, or more', () => {
    const beside = (values: Partial<typeof mismatch>): boolean[] =>
      known(night({ conformance: [{ ...mismatch, ...values }] }), now);
    expect(beside({ engine: 'f' })).toEqual([false]);
    expect(beside({ profile: '6.18' })).toEqual([false]);
    expect(beside({ listed: [{ line: 4, text: 'a' }] })).toEqual([false]);
    expect(beside({ mismatches: 2 })).toEqual([false]);
    expect(known(now, night({ conformance: [{ ...mismatch, mismatches: 2, listed: [] }] }))).toEqual([true, false]);
  });
});
