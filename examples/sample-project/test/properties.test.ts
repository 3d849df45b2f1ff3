import fc from 'fast-check';
import { formatFilter, type MsrFilter } from 'msrdiff';
import { msrFilter } from 'msrdiff/arbitrary';
import { builtInEngine, runScenario } from 'msrdiff/scenario';
import { it } from 'vitest';
import { allowed } from '../src/engine.ts';

/** Whether the ioctl takes the filter: those that are drawn include what it rejects. */
function isAccepted(filter: MsrFilter): boolean {
  const scenario = { events: [{ filter: JSON.parse(formatFilter(filter)) }] };
  return runScenario(builtInEngine('reference'), scenario, '6.18').results[0] === '0';
}

it('allows no less by default "allow" than by default "deny"', { timeout: 120_000 }, () => {
  fc.assert(
    fc.property(msrFilter(), fc.integer({ min: 0, max: 0xffffffff }), fc.boolean(), (filter, index, write) => {
      fc.pre(isAccepted(filter));
      // Empty slots are not in force.
      const ranges = filter.ranges.filter(({ nmsrs }) => nmsrs > 0);
      return allowed({ flags: 0, ranges }, index, write) || !allowed({ flags: 1, ranges }, index, write);
    }),
    { numRuns: 200 },
  );
});
