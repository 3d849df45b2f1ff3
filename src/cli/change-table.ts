/** Lists of changed accesses, for people and as JSON. */
import { accessesIn, type Change } from '../filters/difference.ts';
import { formatMsrRange } from '../filters/msr-range-text.ts';
import { msrName } from '../model/catalogue.ts';
import { MSR_ROWS } from '../model/catalogue-data.ts';
import { hex } from '../model/json-fields.ts';
import { resultName } from '../model/result-name.ts';
import { AccessType } from '../model/verdict.ts';
import { table } from './render.ts';

/** What `before` and `after` of the changes are. */
export type Compared = 'decisions' | 'verdicts';

/** One line per range of indices. */
export function changeTable(changes: readonly Change[], compared: Compared): string {
  const rows = changes.map((change) => [
    change.type === AccessType.READ ? 'RDMSR' : 'WRMSR',
    formatMsrRange(change),
    `${valueName(change.before, compared)} -> ${valueName(change.after, compared)}`,
    msrNames(change),
  ]);
  return table(rows);
}

/** `12 RDMSR and 0 WRMSR` */
export function accessCounts(changes: readonly Change[]): string {
  const count = (type: AccessType): number => accessesIn(changes.filter((change) => change.type === type));
  return `${count(AccessType.READ)} RDMSR and ${count(AccessType.WRITE)} WRMSR`;
}

export function changesJson(changes: readonly Change[], compared: Compared): Record<string, unknown>[] {
  return changes.map(({ first, last, type, before, after }) => ({
    direction: type === AccessType.READ ? 'r' : 'w',
    first: hex(first),
    last: hex(last),
    before: valueName(before, compared),
    after: valueName(after, compared),
  }));
}

function valueName(value: number, compared: Compared): string {
  if (compared === 'verdicts') return resultName('verdict', value);
  return value === 1 ? 'allow' : 'deny';
}

/** Names that are listed for one range of indices. */
const MAX_NAMES = 4;

/** Names of the MSRs in a range, the first few. */
function msrNames({ first, last }: Change): string {
  const names: string[] = [];
  for (const { index, count = 1 } of MSR_ROWS) {
    for (let at = Math.max(index, first); at <= Math.min(index + count - 1, last); at++) {
      if (names.length === MAX_NAMES) return `${names.join(' ')} ...`;
      names.push(msrName(at)!);
    }
  }
  return names.join(' ');
}
