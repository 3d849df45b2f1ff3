import type { MsrFilter } from '../../src/model/filter.ts';
import { hex, toU64, U32_FORM, U64_FORM } from '../../src/model/json-fields.ts';
import { ACCESS_FORMS, type AccessBatch, type AccessForm as Form } from '../../src/model/scenario.ts';
import { AccessType } from '../../src/model/verdict.ts';
import { useCatalogue } from '../parts/use-catalogue.ts';
import { edgeAccesses } from './document.ts';
import { DraftField } from './draft-field.tsx';
import { readIndex } from './index-text.ts';

interface AccessFormProps {
  readonly batch: AccessBatch;
  readonly onChange: (batch: AccessBatch) => void;
  /** The filter whose edges can be tried. */
  readonly filter: MsrFilter | undefined;
}

interface Access {
  readonly index: number;
  readonly type: AccessType;
  readonly value: bigint;
}

/** Accesses that have fields of their own; all others are in the JSON. */
const SHOWN = 100;

export function AccessForm({ batch, onChange, filter }: AccessFormProps) {
  const catalogue = useCatalogue();
  const rows = rowsOf(batch);
  const change = (changed: readonly Access[], form = batch.form): void => onChange(batchOf(changed, form));
  return (
    <div class="access-form">
      {rows.slice(0, SHOWN).map((row, number) => (
        <div class="access" key={number}>
          <label class="visually-hidden" for={`access-${number}`}>
            Direction of access {number}
          </label>
          <select
            id={`access-${number}`}
            value={row.type}
            onChange={({ currentTarget }) =>
              change(rows.with(number, { ...row, type: Number(currentTarget.value) as AccessType }))
            }
          >
            <option value={AccessType.READ}>RDMSR</option>
            <option value={AccessType.WRITE}>WRMSR</option>
          </select>
          <DraftField
            label={`MSR of access ${number}`}
            hidden
            size={12}
            value={hex(row.index)}
            onText={(text) => {
              const index = readIndex(text, catalogue?.indexOf);
              if (index === undefined) return `expected ${U32_FORM}, or the name of an MSR`;
              change(rows.with(number, { ...row, index }));
              return undefined;
            }}
          />
          {row.type === AccessType.WRITE && (
            <DraftField
              label={`Value of access ${number}`}
              hidden
              size={10}
              value={hex(row.value)}
              onText={(text) => {
                const value = toU64(/^\d+$/.test(text) ? Number(text) : text);
                if (value === undefined) return `expected ${U64_FORM}`;
                change(rows.with(number, { ...row, value }));
                return undefined;
              }}
            />
          )}
          <button
            type="button"
            onClick={() => change(rows.toSpliced(number, 1))}
            aria-label={`Remove access ${number}`}
          >
            ×
          </button>
          <span class="name">{catalogue?.nameOf(row.index)}</span>
        </div>
      ))}
      {rows.length > SHOWN && <p class="soft">and {rows.length - SHOWN} more, in the JSON below</p>}
      <div class="actions">
        <button
          type="button"
          onClick={() => change([...rows, { index: rows.at(-1)?.index ?? 0x10, type: AccessType.READ, value: 0n }])}
        >
          Add access
        </button>
        {filter && (
          <button
            type="button"
            onClick={() => onChange({ ...edgeAccesses(filter), ...(batch.form ? { form: batch.form } : {}) })}
          >
            Try the edges of all ranges
          </button>
        )}
        <label class="field">
          form
          <select
            value={batch.form ?? 'native'}
            onChange={({ currentTarget }) => change(rows, currentTarget.value as Form)}
          >
            {ACCESS_FORMS.map((form) => (
              <option key={form}>{form}</option>
            ))}
          </select>
        </label>
      </div>
    </div>
  );
}

function rowsOf({ indices, types, values }: AccessBatch): Access[] {
  return Array.from(indices, (index, number) => ({
    index,
    type: types[number] as AccessType,
    value: values?.[number] ?? 0n,
  }));
}

function batchOf(rows: readonly Access[], form: Form | undefined): AccessBatch {
  const values = rows.some(({ value }) => value !== 0n)
    ? { values: BigUint64Array.from(rows, ({ value }) => value) }
    : {};
  return {
    ...(form === undefined || form === 'native' ? {} : { form }),
    indices: Uint32Array.from(rows, ({ index }) => index),
    types: Uint8Array.from(rows, ({ type }) => type),
    ...values,
  };
}
