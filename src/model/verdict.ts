/** What an engine answers, one byte per access, so that batches are compared as memory. */

/** Direction of an access. Batches hold one byte per access. */
export const AccessType = { READ: 0, WRITE: 1 } as const;
export type AccessType = (typeof AccessType)[keyof typeof AccessType];

/**
 * Outcome of one RDMSR or WRMSR (api.rst, "KVM_EXIT_X86_RDMSR, KVM_EXIT_X86_WRMSR"):
 * it completes, faults with #GP, or exits to user space with exactly one reason.
 */
export const Verdict = { ALLOW: 0, GP: 1, EXIT_FILTER: 2, EXIT_UNKNOWN: 3, EXIT_INVAL: 4 } as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];
/** Names by verdict byte; the words of the ground-truth files. */
export const VERDICT_NAMES = ['allow', 'gp', 'filter', 'unknown', 'inval'] as const;
export type VerdictName = (typeof VERDICT_NAMES)[number];

/** What the guest sees once user space has replied to an exit. */
export const Completion = { NO_EXIT_PENDING: 0, DONE: 1, GP: 2 } as const;
export type Completion = (typeof Completion)[keyof typeof Completion];
export const COMPLETION_NAMES = ['no-exit-pending', 'done', 'gp'] as const;

/** How the access reached KVM, or that it did not. */
export const Route = { PASSTHROUGH: 0, INTERCEPTED: 1, FASTPATH: 2 } as const;
export type Route = (typeof Route)[keyof typeof Route];
export const ROUTE_NAMES = ['passthrough', 'intercepted', 'fastpath'] as const;

/** Outcome of VM entry into L2 with L1's MSR bitmap. */
export const NestedEntry = { MERGED: 0, NO_BITMAP: 1, FAILED: 2 } as const;
export type NestedEntry = (typeof NestedEntry)[keyof typeof NestedEntry];
export const NESTED_ENTRY_NAMES = ['merged', 'no-bitmap', 'failed'] as const;
