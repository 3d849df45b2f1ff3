import type { MsrRow } from './catalogue.ts';

export const MSR_ROWS: readonly MsrRow[] = [];
