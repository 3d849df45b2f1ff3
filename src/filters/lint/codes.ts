/** What `msrdiff lint` can find. Every code has a section of its own in docs/lint.md. */

/** From worst to least. */
export const SEVERITIES = ['error', 'warning', 'note'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** The worst severity that a code is reported with. */
export const LINT_CODES = {
  // The ioctl refuses the filter, somewhere.
  'filter-flags': 'error',
  'empty-deny': 'error',
  'range-flags': 'error',
  'too-many-msrs': 'error',
  'bitmap-missing': 'error',
  'bitmap-short': 'error',
  // The filter does not say what it seems to.
  'empty-slot': 'warning',
  'range-wraps': 'warning',
  'x2apic-only': 'warning',
  'never-matches': 'warning',
  'shadowed-differs': 'warning',
  'shadowed-same': 'note',
  'no-effect': 'warning',
  'wider-than-needed': 'note',
  'bits-past-nmsrs': 'note',
  'bytes-never-read': 'note',
  'suspicious-bit': 'note',
  'filter-off': 'note',
  // The filter says it, and the guest gets by.
  'x2apic-open': 'note',
  'mask-lacks-filter': 'warning',
  'tsc-deadline-fastpath': 'warning',
  'unfiltered-access': 'warning',
  'vmx-msr-lists': 'note',
  'sensitive-open': 'note',
  // What it costs.
  'passthrough-lost': 'note',
  'beyond-bitmaps': 'note',
  // Kernels differ.
  'profiles-refuse': 'warning',
  'profiles-decide': 'warning',
  'half-built': 'warning',
} as const satisfies Readonly<Record<string, Severity>>;

export type LintCode = keyof typeof LINT_CODES;

export function isLintCode(text: string): text is LintCode {
  return Object.hasOwn(LINT_CODES, text);
}

/** Whether a severity is at least as bad as another. */
export function atLeast(severity: Severity, least: Severity): boolean {
  return SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(least);
}
