/** Filters in the forms that they are handed over in. */
import type { MsrFilter } from '../../model/filter.ts';
import { encodeFilter } from '../../model/filter-binary.ts';
import { formatFilter } from '../../model/filter-json.ts';
import { filterToC } from './c-writer.ts';

/** Forms that any filter can be written in. */
export const FILTER_FORMATS = ['json', 'binary', 'c'] as const;
export type FilterFormat = (typeof FILTER_FORMATS)[number];

export function writeFilter(filter: MsrFilter, format: FilterFormat): string | Uint8Array {
  if (format === 'binary') return encodeFilter(filter);
  return format === 'c' ? filterToC(filter) : formatFilter(filter);
}
