/** The line that says best why a process ended. */

const PANIC = /Kernel panic - not syncing: .*/;
/** What comes before a panic and tells more. */
const CAUSE = /(BUG: |Oops: |general protection fault|segfault at).*/;
/** What the helper says before it powers its machine off. */
const HELPER = /msrdiff-kvm: .*/;
/** Characters. */
const MAX_LENGTH = 500;

/** `text` is what the process, or the console of the kernel that it runs, has said; '' if it has said nothing. */
export function lastWords(text: string): string {
  const lines = text.split(/[\r\n]+/);
  const match = (pattern: RegExp) => lines.map((line) => pattern.exec(line)?.[0]).findLast((found) => found);
  const panic = match(PANIC);
  const words = panic
    ? [panic, match(CAUSE)].filter((line) => line !== undefined).join('; ')
    : (match(HELPER) ?? lines.findLast((line) => line.trim() !== ''));
  return (words ?? '').trim().slice(0, MAX_LENGTH);
}
