/** A divergence's place in triage. */

/** `new`: nobody has looked at it, or it came back after it had been fixed. */
export const STATUSES = ['new', 'triaged', 'known', 'fixed', 'wont-fix'] as const;
export type Status = (typeof STATUSES)[number];

export function isStatus(text: string): text is Status {
  return (STATUSES as readonly string[]).includes(text);
}

/** Most characters of a note, and of an author's name. */
const MAX_NOTE = 10_000;
const MAX_AUTHOR = 100;

/** What is wrong with the note of a change; undefined: nothing. */
export function noteProblem(note: string): string | undefined {
  return note.length > MAX_NOTE ? `longer than ${MAX_NOTE} characters` : undefined;
}

/** What is wrong with the name of who changes a status; undefined: nothing. */
export function authorProblem(author: string): string | undefined {
  if (author.length > MAX_AUTHOR) return `longer than ${MAX_AUTHOR} characters`;
  return author.trim() === '' || /\p{Cc}/u.test(author) ? 'expected a name on one line' : undefined;
}
