/** A night as a report, with text that no document must take for its own. */
import type { NightDivergence, NightReport } from './report.ts';

/** Markup of every format that is written, a control character, a lone surrogate, line breaks. */
export const HOSTILE =
  '<script src="https://evil.example/x.js">\u0000\u001b[31m]]>&amp;"\'|`*_\ud800\n# www.evil.example @all';

export function divergence(id: string, values: Partial<NightDivergence> = {}): NightDivergence {
  return {
    ...{ id, change: 'new', status: 'new', kind: 'verdict', subject: 'planted', profile: '6.18', rules: [] },
    ...{ message: 'reference allow, planted gp', size: 9, cases: 3, reliability: 1 },
    reproducer: values.change === 'seen' && values.status !== 'triaged' ? null : `reproducers/${id}.json`,
    ...values,
  };
}

export function night(values: Partial<NightReport> = {}): NightReport {
  return {
    ...{ version: 1, msrdiff: '0.1.0', startedAt: '2026-11-21T01:00:00.000Z', finishedAt: '2026-11-21T02:00:00.000Z' },
    ...{ database: '/data/msrdiff.db', folder: '2026-11-21T01-00-00Z', budget: 3600, seconds: 3599.5, exitCode: 0 },
    ...{
      interrupted: false,
      steps: [],
      conformance: [],
      rechecks: [],
      proofs: [],
      divergences: [],
      waiting: [],
      warnings: [],
    },
    campaigns: [
      {
        ...{ id: 4, profile: '6.18', seed: '2026112100', engines: ['reference', 'planted'] },
        ...{ cases: 1000, accesses: 90_000, seconds: 10, digest: 'd1' },
      },
    ],
    coverage: { features: ['access.type=read', 'filter.holes=yes'], of: 158, pairs: 17 },
    ...{ comparison: null, checkedAt: {} },
    ...values,
  };
}

/** One of everything, with hostile text wherever text of unknown origin can be. */
export function hostileNight(): NightReport {
  const engine = HOSTILE;
  const step = { name: HOSTILE, seconds: 1, message: HOSTILE, command: ['conform', HOSTILE] };
  return night({
    exitCode: 1,
    steps: [
      { ...step, kind: 'conformance', state: 'found', code: 1 },
      { ...step, kind: 'recheck', state: 'crashed', code: 70 },
      { ...step, kind: 'proof', state: 'found', code: 1 },
      { ...step, kind: 'campaign', state: 'hung', code: null },
      { ...step, kind: 'campaign', state: 'skipped', code: null },
    ],
    divergences: [
      divergence('aa11', { subject: engine, message: HOSTILE, rules: [HOSTILE] }),
      divergence('bb22', { change: 'reopened', kind: HOSTILE, reliability: 0.2 }),
      divergence('cc33', { change: 'seen', status: 'known', subject: engine }),
    ],
    conformance: [
      {
        ...{
          recording: HOSTILE,
          engine,
          profile: '6.1',
          cases: 2,
          checks: 10,
          mismatches: 3,
          skipped: 0,
          known: false,
        },
        listed: [{ line: 7, text: HOSTILE }],
      },
    ],
    rechecks: [{ id: 'cc33', kind: 'verdict', subject: engine, status: 'known', result: 'agrees', runs: 1 }],
    proofs: [
      {
        ...{ args: [HOSTILE], outcome: 'disproven', certificate: 'proofs/x.json', divergence: null, message: HOSTILE },
        ...{ shards: { done: 1, of: 2 }, known: false },
      },
    ],
    comparison: {
      ...{ with: '2026-11-20T01:00:00.000Z', gained: [HOSTILE], lost: [HOSTILE], notSeen: ['dd44'] },
      ...{ pairs: { before: 1, now: 2 }, casesPerSecond: { before: 0, now: 1 } },
      accessesPerSecond: { before: 10, now: 5 },
    },
    warnings: [HOSTILE],
  });
}
