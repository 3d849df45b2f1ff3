/** What a check reports. */
import { LINT_CODES, type LintCode, type Severity } from './codes.ts';

/** Where in the filter, or in what it decides; what does not apply is left out. */
export interface Where {
  /** Slot. */
  readonly range?: number;
  /** Bits of its bitmap, first and last. */
  readonly bits?: readonly [number, number];
  /** MSR indices, first and last. */
  readonly msrs?: readonly [number, number];
  /** The MSR's name in the catalogue. */
  readonly name?: string;
  readonly access?: 'r' | 'w' | 'rw';
  /** Kernel profiles that it holds for, where not for all that were asked about. */
  readonly profiles?: readonly string[];
  /** Likewise vendors. */
  readonly vendors?: readonly ('vmx' | 'svm')[];
}

export interface Finding {
  readonly code: LintCode;
  readonly severity: Severity;
  readonly where: Where;
  /** What is so, in one sentence. */
  readonly message: string;
  /** What would mend it. */
  readonly mend: string;
  /** The page that explains the code. */
  readonly docs: string;
}

export interface Report {
  readonly where: Where;
  readonly message: string;
  readonly mend: string;
  /** Default: that of the code. */
  readonly severity?: Severity;
}

export function finding(code: LintCode, { severity = LINT_CODES[code], ...report }: Report): Finding {
  return { code, severity, ...report, docs: `docs/lint.md#${code}` };
}
