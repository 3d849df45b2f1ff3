import { expect, it } from 'vitest';
import { reference } from '../engines/reference.ts';
import { countAccesses, Runner } from '../engines/runner.ts';
import { svm } from '../engines/svm.ts';
import { vmx } from '../engines/vmx.ts';
import { catalogueBase, passthroughCandidates } from '../model/catalogue.ts';
import { NEWEST_PROFILE } from '../model/profile.ts';
import { candidateCase } from './boundary-bitmaps.ts';
import { BOUNDARY_CASES } from './boundary-cases.ts';
import { type BoundaryCase, CaseView } from './boundary-view.ts';
import { CaseGenerator } from './case.ts';
import { caseChoices } from './shard.ts';

const MOST_CASES = 20_000;
/** Less than a campaign's, to see more cases. */
const ACCESSES = 512;
const SEED = 0x5eedn;
const config = { profile: NEWEST_PROFILE, base: catalogueBase() };

const EVERY_CANDIDATE = (['vmx', 'svm'] as const).flatMap((vendor) =>
  passthroughCandidates(vendor, NEWEST_PROFILE).flatMap(({ index }) =>
    [true, false].map((denied) => candidateCase(vendor, index, denied)),
  ),
);

const label = ({ id, part, title }: BoundaryCase): string => `${id} ${title}${part === undefined ? '' : `: ${part}`}`;

it('the list has all 78 numbers, in order, and no two entries alike', () => {
  const ids = BOUNDARY_CASES.map(({ id }) => id);
  expect([...new Set(ids)]).toEqual(Array.from({ length: 78 }, (_, i) => i + 1));
  expect(new Set(BOUNDARY_CASES.map(label)).size).toBe(BOUNDARY_CASES.length);
});

it(`the generator reaches every one in ${MOST_CASES} cases`, { timeout: 300_000 }, () => {
  const [runner, runVmx, runSvm] = [reference, vmx, svm].map((engine) => new Runner(engine, config)) as [
    Runner,
    Runner,
    Runner,
  ];
  const generator = new CaseGenerator(config.profile, ACCESSES);
  const firstAt = new Map<BoundaryCase, number>();
  let missing = [...BOUNDARY_CASES, ...EVERY_CANDIDATE];
  for (let number = 0; number < MOST_CASES && missing.length > 0; number++) {
    const scenario = generator.generate(caseChoices(SEED, number));
    const count = countAccesses(scenario);
    const trace = runner.run(scenario, count);
    const view = new CaseView(scenario, config, trace, runVmx.run(scenario, count), runSvm.run(scenario, count));
    missing = missing.filter((entry) => {
      const reached = entry.reached(view);
      if (reached) firstAt.set(entry, number);
      return !reached;
    });
  }
  const rare = [...firstAt].sort((a, b) => b[1] - a[1]).slice(0, 12);
  console.log(rare.map(([entry, at]) => `${at + 1} cases: ${label(entry)}`).join('\n'));
  expect(missing.map(label)).toEqual([]);
});
