/** The ranges of a filter in words: what the picture shows, for those who do not see it. */
import { KVM_MSR_FILTER_DEFAULT_DENY, KVM_MSR_FILTER_VALID_MASK, type MsrFilter } from '../../src/model/filter.ts';
import { hex } from '../../src/model/json-fields.ts';
import { grouped } from '../parts/figures.ts';
import { useCatalogue } from '../parts/use-catalogue.ts';
import { directionLetters } from './picture.ts';
import { RangeBits, rangeEnd, rangeRemark } from './range-bits.ts';

/** Names of a range that are listed. */
const NAMES = 4;

export function RangeTable({ filter }: { readonly filter: MsrFilter }) {
  const catalogue = useCatalogue();
  const { flags, ranges } = filter;
  const deny = (flags & KVM_MSR_FILTER_DEFAULT_DENY) !== 0;
  const unknown = (flags & ~KVM_MSR_FILTER_VALID_MASK) !== 0 ? ` (flags ${hex(flags)}, unknown bits)` : '';
  const namesOf = (base: number, nmsrs: number): string => {
    const inside = (catalogue?.rows ?? []).filter(({ index }) => index >= base && index < base + nmsrs);
    const rest = inside.length > NAMES ? `, ${inside.length - NAMES} more` : '';
    return (
      inside
        .slice(0, NAMES)
        .map(({ name }) => name)
        .join(', ') + rest
    );
  };
  const others = `What no range covers is ${deny ? 'denied' : 'allowed'}${unknown}.`;
  if (ranges.length === 0) return <p class="soft">{others} The filter has no range.</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls has to be reached by keys
    <section class="scroll" aria-label="Ranges of the filter" tabIndex={0}>
      <table class="ranges">
        <caption>{others}</caption>
        <thead>
          <tr>
            <th scope="col">Range</th>
            <th scope="col">R/W</th>
            <th scope="col">Base</th>
            <th scope="col">End</th>
            <th scope="col" class="number">
              nmsrs
            </th>
            <th scope="col" class="number">
              Allowed
            </th>
            <th scope="col">Names</th>
            <th scope="col">Remark</th>
          </tr>
        </thead>
        <tbody>
          {ranges.map((range, slot) => (
            <tr key={slot}>
              <th scope="row">{slot}</th>
              <td>{directionLetters(range.flags)}</td>
              <td>
                <code>{hex(range.base)}</code>
              </td>
              <td>
                <code>{hex(rangeEnd(range))}</code>
              </td>
              <td class="number">{grouped(range.nmsrs)}</td>
              <td class="number">{range.bitmap ? grouped(new RangeBits(range).allowed) : '–'}</td>
              <td>{namesOf(range.base, range.nmsrs)}</td>
              <td class="remark">{rangeRemark(range) ?? ''}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
