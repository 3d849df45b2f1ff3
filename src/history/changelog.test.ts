import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { findGeneration, type Generation, NEIGHBOURS } from '../engines/history/generations.ts';
import { differingRules, type HistoryRules, type RuleName } from '../engines/history/rules.ts';
import { CaseGenerator } from '../fuzz/case.ts';
import { caseChoices } from '../fuzz/shard.ts';
import { NEWEST_PROFILE } from '../model/profile.ts';
import type { Scenario } from '../model/scenario.ts';
import { explainingRules } from './attribute.ts';
import { changelog } from './changelog.ts';
import { documentReports } from './document.ts';
import { historyDocument } from './markdown.ts';
import type { ChangelogReport } from './report.ts';
import { Agreement, Comparison, equalized } from './views.ts';

/** Enough that every change of docs/history.md shows. */
const CASES = 330;

const generation = (name: string): Generation => findGeneration(name)!;
const variant = (of: string, rules: Partial<HistoryRules>): Generation => ({
  ...generation(of),
  rules: { ...generation(of).rules, ...rules },
});
const rulesOf = (from: Generation, to: Generation, cases = 60): RuleName[] =>
  changelog(from, to, { seed: 5n, cases }).changes.map(({ rule }) => rule);

describe('all neighbouring generations', () => {
  let reports: ChangelogReport[];
  beforeAll(() => {
    reports = documentReports(CASES);
  }, 300_000);

  it('give what docs/history.md says: the same changes, with the same witnesses', () => {
    const written = readFileSync(new URL('../../docs/history.md', import.meta.url), 'utf8');
    const uncounted = (text: string): string => text.replaceAll(/\d+ of \d+|\d+ cases/g, 'N');
    expect(uncounted(historyDocument(reports))).toBe(uncounted(written));
  });

  it('leave nothing unexplained and nothing ambiguous', () => {
    for (const { from, to, unexplained, changes } of reports) {
      expect(unexplained, `${from} ${to}`).toEqual([]);
      for (const { rule, together, ambiguous, cases } of changes) {
        expect(together, rule).toEqual([]);
        expect(ambiguous, rule).toEqual([]);
        expect(cases, `${from} ${to} ${rule}`).toBeGreaterThan(0);
      }
    }
  });

  it('find every rule that differs, apart from what cannot show', () => {
    const unseen = reports.flatMap(({ unseen }) => unseen.map(({ rule }) => rule));
    expect(unseen).toEqual(['intercepts']);
  });

  it('agree in every view once the rules that were found are made even', () => {
    const generator = new CaseGenerator(NEWEST_PROFILE, 512);
    for (const [i, [from, to]] of NEIGHBOURS.entries()) {
      const [earlier, later] = [generation(from), generation(to)];
      const even = equalized(
        earlier.rules,
        later.rules,
        reports[i]!.changes.map(({ rule }) => rule),
      );
      const views = [
        'software',
        'calls',
        ...(earlier.hasHardware && later.hasHardware ? (['vmx', 'svm'] as const) : []),
      ] as const;
      for (const view of views) {
        const comparison = new Comparison(view, even, later.rules);
        for (let number = 0; number < 40; number++) {
          const scenario = generator.generate(caseChoices(991n, number));
          expect(comparison.divergences(scenario), `${from} ${to} ${view} ${number}`).toEqual([]);
        }
      }
    }
  });
});

describe('attribution', () => {
  it('is computed: rules exchanged at random are the ones that are found', () => {
    const changed = { x2apicDeflected: false, overlap: 'clash-refused', zeroFlags: 'accepted' } as const;
    expect(rulesOf(variant('filter-6.18', changed), generation('filter-6.18')).sort()).toEqual(
      Object.keys(changed).sort(),
    );
  });

  it('finds a change that another one hides', () => {
    // Where nothing may be set, no order of checks can be seen.
    const from = variant('filter-6.18', { control: 'none', rangeChecks: 'size-copy-flags' });
    expect(rulesOf(from, generation('filter-6.18'), 200)).toEqual(['control', 'rangeChecks']);
  });

  it('names no rule where two are needed', () => {
    const to = generation('filter-v7').rules;
    const from: HistoryRules = { ...to, exitMask: 'on-off', filterReason: false };
    const filter = { flags: 0, ranges: [{ flags: 1, nmsrs: 1, base: 0x8b, bitmap: new Uint8Array(8) }] };
    const scenario: Scenario = {
      events: [
        { kind: 'filter', filter },
        { kind: 'cap', mask: 1n },
        { kind: 'access', batch: { indices: Uint32Array.of(0x8b, 0x8b), types: Uint8Array.of(0, 0) } },
        { kind: 'cap', mask: 2n },
        { kind: 'access', batch: { indices: Uint32Array.of(0x8b, 0xdead), types: Uint8Array.of(0, 0) } },
      ],
    };
    const agreement = new Agreement('software');
    expect(agreement.holds(from, to, scenario)).toBe(false);
    expect(explainingRules(agreement, from, to, scenario, { event: 2, index: 0x8b })).toEqual([]);
    expect(
      explainingRules(agreement, { ...from, exitMask: 'reasons' }, to, scenario, { event: 2, index: 0x8b }),
    ).toEqual(['filterReason']);
  });

  it('names rules together that show together only, and goes on to what they hid', () => {
    // The bit of FILTER is nothing to a capability that is on or off.
    const from = variant('filter-6.18', { exitMask: 'on-off', unknownReason: false, overlap: 'clash-refused' });
    const log = changelog(from, generation('filter-6.18'), { seed: 1n, cases: 100 });
    expect(log.changes.flatMap(({ rule, together }) => [rule, ...together]).sort()).toEqual([
      'exitMask',
      'overlap',
      'unknownReason',
    ]);
    expect(log).toMatchObject({ unexplained: [], unseen: [] });
  });

  it('leaves nothing unexplained between distant generations', () => {
    const log = changelog(generation('allowlist-v5'), generation('6.1'), { seed: 2n, cases: 100 });
    expect(log.unexplained).toEqual([]);
    expect(log.changes.some(({ together }) => together.length > 0)).toBe(true);
  });

  it('finds nothing between a generation and itself', () => {
    const log = changelog(generation('allowlist-v3'), generation('allowlist-v4'), { seed: 1n, cases: 20 });
    expect(log).toMatchObject({ changes: [], unexplained: [], unseen: [] });
    expect(differingRules(generation('allowlist-v3').rules, generation('allowlist-v4').rules)).toEqual([]);
  });
});

describe('time', () => {
  it('goes on for at least that long', () => {
    const { totalCases } = changelog(generation('6.1'), generation('6.1'), { seed: 1n, cases: 1, seconds: 0.4 });
    expect(totalCases).toBeGreaterThan(4);
  });
});
