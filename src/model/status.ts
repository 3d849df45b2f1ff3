/** A divergence's place in triage. */

/** `new`: nobody has looked at it, or it came back after it had been fixed. */
export const STATUSES = ['new', 'triaged', 'known', 'fixed', 'wont-fix'] as const;
export type Status = (typeof STATUSES)[number];

export function isStatus(text: string): text is Status {
  return (STATUSES as readonly string[]).includes(text);
}
