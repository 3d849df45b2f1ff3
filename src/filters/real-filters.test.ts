import { expect, it } from 'vitest';
import { REAL_FILTERS } from '../corpus/real-filters.ts';
import { formatFilter } from '../model/filter-json.ts';
import { NEWEST_PROFILE } from '../model/profile.ts';
import { bytesOf, exemptIndices, smallestFilter } from './compile/smallest-filter.ts';
import { install } from './decisions.ts';
import { accessesIn, decisionChanges } from './difference.ts';

const accepted = REAL_FILTERS.filter(({ filter }) => install(filter, NEWEST_PROFILE).errno === 0);

it('real filters and their smallest forms are what a person has read', () => {
  const forms = accepted.map(({ id, filter }) => {
    const { decisions } = install(filter, NEWEST_PROFILE);
    const result = smallestFilter(decisions, exemptIndices(NEWEST_PROFILE), filter.flags === 0 ? 0 : 1);
    if (result.kind === 'none') throw new Error('the filter itself is one');
    const size = (of: typeof filter): string => `${of.ranges.length} ranges, ${bytesOf(of)} bytes`;
    const text = formatFilter(result.filter);
    return `${id}: ${size(filter)} -> ${size(result.filter)}\n${text.length > 600 ? `${text.slice(0, 600)}...` : text}`;
  });
  expect(forms.length).toBeGreaterThan(15);
  expect(forms.join('\n\n')).toMatchSnapshot();
});

it('what real filters answer differently from one another is what a person has read', () => {
  const rows = accepted.slice(1).map(({ id, filter }, i) => {
    const before = accepted[i]!;
    const changes = decisionChanges(
      install(before.filter, NEWEST_PROFILE).decisions,
      install(filter, NEWEST_PROFILE).decisions,
    );
    return `${before.id} -> ${id}: ${changes.length} ranges of indices, ${accessesIn(changes)} accesses`;
  });
  expect(rows.join('\n')).toMatchSnapshot();
});
