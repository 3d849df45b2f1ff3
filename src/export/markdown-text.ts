/** Text of unknown origin as Markdown (GitHub's) that means nothing but the text. */

/** White space, control characters, line and paragraph separators, and those that change the direction of text. */
const INVISIBLE = /[\s\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu;
/** What no encoding has, and what XML does not allow: tools turn Markdown into that. */
const UNENCODABLE = /[\p{Cs}\ufffe\uffff]/gu;
const MARKUP = /[\\`*[\]{}!|~$]|(?<!\w)_|_(?!\w)/g;
/** What makes a list or a heading at the start of a line. */
const LEADING = /^[-+=]|(?<=^\d+)[.)]/;
/** Links and emoji that GitHub makes without any markup. */
const BARE = /:(?=\/\/|[\w+-]+:)|(?<=\bwww)\./gi;
const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '@': '&#64;',
  '#': '&#35;',
};
const PLAIN_NAME = /^[\w.+:@=/-]+(?: [\w.+:@=/-]+)*$/;

/** Text for a paragraph, a list item or a table cell: one line, without any markup. */
export function plain(text: string): string {
  return text
    .replace(INVISIBLE, ' ')
    .replace(UNENCODABLE, '\ufffd')
    .trim()
    .replace(MARKUP, '\\$&')
    .replace(BARE, '\\$&')
    .replace(LEADING, '\\$&')
    .replace(/[&<>@#]/g, (character) => ENTITIES[character]!);
}

/** A name as code, if it is one; plain text otherwise. */
export function code(text: string): string {
  return PLAIN_NAME.test(text) ? `\`${text}\`` : plain(text);
}

/** A block of code with a fence that the text cannot close. */
export function fenced(text: string, language: string): string {
  const runs = text.match(/`+/g) ?? [];
  const fence = '`'.repeat(Math.max(3, ...runs.map((run) => run.length + 1)));
  return `${fence}${language}\n${text.replace(/[^\P{Cc}\n\t]/gu, '?').trimEnd()}\n${fence}`;
}

/** A table; cells are Markdown already. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
