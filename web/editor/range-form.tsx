import { useState } from 'preact/hooks';
import { KVM_MSR_FILTER_READ, KVM_MSR_FILTER_WRITE, type MsrFilterRange } from '../../src/model/filter.ts';
import { hex, U32_FORM } from '../../src/model/json-fields.ts';
import { messageOf } from '../net/request.ts';
import { useCatalogue } from '../parts/use-catalogue.ts';
import { DraftField } from './draft-field.tsx';
import { BITMAP_FORMS, type BitmapForm, bitmapForm, bitmapText, resized, withBitmap } from './edit-range.ts';
import { readIndex, readNumber } from './index-text.ts';

interface RangeFormProps {
  readonly slot: number;
  readonly range: MsrFilterRange;
  readonly onChange: (range: MsrFilterRange) => void;
  readonly onRemove: () => void;
  /** Absent for the first. */
  readonly onUp: (() => void) | undefined;
}

export function RangeForm({ slot, range, onChange, onRemove, onUp }: RangeFormProps) {
  const catalogue = useCatalogue();
  const [chosen, setChosen] = useState<BitmapForm>();
  const form = range.bitmap === null ? 'unmapped' : (chosen ?? bitmapForm(range));
  const flag = (label: string, bit: number) => (
    <label class="check">
      <input
        type="checkbox"
        checked={(range.flags & bit) !== 0}
        onChange={() => onChange({ ...range, flags: (range.flags ^ bit) >>> 0 })}
      />
      {label}
    </label>
  );
  const setBitmap = (as: BitmapForm, typed: string): string | undefined => {
    try {
      onChange(withBitmap(range, as, typed, `range ${slot}`));
      return undefined;
    } catch (error) {
      return messageOf(error).replace(/^.*?ranges\[0\]\.bitmap(\.\w+)?(\[\d+\])?: /, '');
    }
  };
  const choose = (as: BitmapForm): void => {
    setChosen(as === 'unmapped' ? undefined : as);
    const mapped = range.bitmap ?? resized({ ...range, bitmap: new Uint8Array() }, range.nmsrs).bitmap;
    onChange({ ...range, bitmap: as === 'unmapped' ? null : mapped });
  };
  return (
    <fieldset class="range">
      <legend>Range {slot}</legend>
      {flag('R', KVM_MSR_FILTER_READ)}
      {flag('W', KVM_MSR_FILTER_WRITE)}
      <DraftField
        label="base"
        size={12}
        value={hex(range.base)}
        onText={(typed) => {
          const base = readIndex(typed, catalogue?.indexOf);
          if (base === undefined) return `expected ${U32_FORM}, or the name of an MSR`;
          onChange({ ...range, base });
          return undefined;
        }}
      />
      <DraftField
        label="nmsrs"
        size={6}
        value={`${range.nmsrs}`}
        onText={(typed) => {
          const nmsrs = readNumber(typed);
          if (nmsrs === undefined) return `expected ${U32_FORM}`;
          onChange(resized(range, nmsrs));
          return undefined;
        }}
      />
      <label class="field">
        bitmap
        <select value={form} onChange={({ currentTarget }) => choose(currentTarget.value as BitmapForm)}>
          {BITMAP_FORMS.map((name) => (
            <option key={name} value={name}>
              {{ allow: 'allow list', deny: 'deny list', hex: 'hex bytes', unmapped: 'unmapped memory' }[name]}
            </option>
          ))}
        </select>
      </label>
      {form !== 'unmapped' && (
        <DraftField
          key={form}
          multiline
          label={form === 'hex' ? `bytes of range ${slot}` : `MSRs to ${form} in range ${slot}`}
          value={bitmapText(range, form)}
          onText={(typed) => setBitmap(form, typed)}
        />
      )}
      <span class="actions">
        {onUp && (
          <button type="button" onClick={onUp} aria-label={`Move range ${slot} up`}>
            ↑
          </button>
        )}
        <button type="button" onClick={onRemove} aria-label={`Remove range ${slot}`}>
          Remove
        </button>
      </span>
    </fieldset>
  );
}
