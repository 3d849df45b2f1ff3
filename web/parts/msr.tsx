import { hex } from '../../src/model/json-fields.ts';

interface MsrProps {
  readonly index: number;
  readonly name: string | null | undefined;
  /** Null: neither RDMSR nor WRMSR in particular. */
  readonly write?: boolean | null;
}

/** An MSR, by index and name; with the instruction if it is about one. */
export function Msr({ index, name, write = null }: MsrProps) {
  return (
    <span class="msr">
      {write !== null && <span class="instruction">{write ? 'WRMSR' : 'RDMSR'} </span>}
      <code>{hex(index)}</code>
      {name && <span class="name"> {name}</span>}
    </span>
  );
}
