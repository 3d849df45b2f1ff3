import { KVM_MSR_FILTER_MAX_RANGES, type MsrFilter, type MsrFilterRange } from '../../src/model/filter.ts';
import { RangeForm } from './range-form.tsx';

interface FilterFormProps {
  readonly filter: MsrFilter;
  readonly onChange: (filter: MsrFilter) => void;
}

export function FilterForm({ filter, onChange }: FilterFormProps) {
  const { flags, ranges } = filter;
  const withRanges = (changed: readonly MsrFilterRange[]): void => onChange({ flags, ranges: changed });
  const add = (): void => {
    const last = ranges.at(-1);
    const base = last ? (last.base + last.nmsrs) >>> 0 : 0x10;
    withRanges([...ranges, { flags: 3, base, nmsrs: 1, bitmap: new Uint8Array(8) }]);
  };
  return (
    <div class="filter-form">
      <label class="field">
        default action
        <select
          value={flags === 0 ? 'allow' : flags === 1 ? 'deny' : 'other'}
          onChange={({ currentTarget }) => onChange({ flags: currentTarget.value === 'deny' ? 1 : 0, ranges })}
        >
          <option value="allow">allow</option>
          <option value="deny">deny</option>
          {flags > 1 && <option value="other">flags 0x{flags.toString(16)}</option>}
        </select>
      </label>
      {ranges.map((range, slot) => (
        <RangeForm
          key={slot}
          slot={slot}
          range={range}
          onChange={(changed) => withRanges(ranges.with(slot, changed))}
          onRemove={() => withRanges(ranges.toSpliced(slot, 1))}
          onUp={slot === 0 ? undefined : () => withRanges(ranges.toSpliced(slot - 1, 2, range, ranges[slot - 1]!))}
        />
      ))}
      {ranges.length < KVM_MSR_FILTER_MAX_RANGES && (
        <button type="button" onClick={add}>
          Add range
        </button>
      )}
    </div>
  );
}
