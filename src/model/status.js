/** A divergence's place in triage. */
/** `new`: nobody has looked at it, or it came back after it had been fixed. */
export const STATUSES = ['new', 'triaged', 'known', 'fixed', 'wont-fix'];
export function isStatus(text) {
  return STATUSES.includes(text);
}
