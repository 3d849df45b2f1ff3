/** `msrdiff prove` alone, with nothing random, disproves what is planted in the lookup. */
import { describe, expect, test } from 'vitest';
import { parseJsonText } from '../../src/model/json-text.ts';
import { parseScenario } from '../../src/model/scenario-json.ts';
import { PLANTED_BUGS } from './catalogue.ts';
import { rangesBound, statesBound } from './proofs.ts';
import { BugRun } from './suite.ts';
import type { PlantedBug } from './support.ts';

const named = (bugs: readonly PlantedBug[]) => bugs.map((bug) => [bug.id, bug] as const);

describe('every filter with up to 2 ranges disproves', () => {
  test.each(named(PLANTED_BUGS.filter(({ group }) => group === 'lookup')))(
    '%s, reduced to its normal form',
    (id, bug) => {
      const { disproof } = rangesBound(bug, 2)!;
      const run = new BugRun(bug);
      const reduced = run.reduce(parseScenario(parseJsonText(disproof, id), id));
      expect(reduced?.form).toBe(run.run(1).form);
    },
  );
});

describe('every sequence of up to 2 state changes disproves', () => {
  const ids = [
    'vmx-stale-on',
    'vmx-apic-off',
    'vmx-only-adds',
    'svm-stale-off',
    'cleared-on-error',
    'mask-accumulates',
  ];
  const bugs = PLANTED_BUGS.filter(({ id }) => ids.includes(id));
  test.each(named(bugs))('%s', (_, bug) => {
    expect(statesBound(bug, 2)).toBeDefined();
  });
});
