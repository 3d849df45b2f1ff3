/** Findings as text: one entry per code and severity, with the first finding in full and the others by name. */
import { hex } from '../../model/json-fields.ts';
import { spanText } from '../range-text.ts';
import { SEVERITIES } from './codes.ts';
import type { Finding } from './finding.ts';

/** `2 errors, 1 warning, 5 notes`; `no findings`. */
export function countText(findings: readonly Finding[]): string {
  const parts = SEVERITIES.flatMap((severity) => {
    const count = findings.filter((entry) => entry.severity === severity).length;
    return count === 0 ? [] : [`${count} ${severity}${count === 1 ? '' : 's'}`];
  });
  return parts.length === 0 ? 'no findings' : parts.join(', ');
}

/** Rows of severity, code, text; the first two are empty where they continue. */
export function findingRows(findings: readonly Finding[]): string[][] {
  const groups = new Map<string, Finding[]>();
  for (const entry of findings) {
    const key = `${entry.severity} ${entry.code}`;
    groups.set(key, [...(groups.get(key) ?? []), entry]);
  }
  return [...groups.values()].flatMap(([first, ...others]) => {
    const { severity, code, message, mend } = first!;
    const also = others.length === 0 ? [] : wrapped(`also: ${others.map(placeText).join(', ')}`);
    const text = [...wrapped(`${subjectText(first!)}${message}`), ...also, ...wrapped(`mend: ${mend}`)];
    return text.map((line, i) => (i === 0 ? [severity, code, line] : ['', '', line]));
  });
}

/** Columns of the text, beside which severity and code fit into 120. */
const WIDTH = 88;

/** Lines of whole words. */
function wrapped(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > WIDTH)
      lines.push(line === undefined ? word : `  ${word}`);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines;
}

/** Messages of single ranges do not say which. */
function subjectText({ where: { range } }: Finding): string {
  return range === undefined ? '' : `range ${range}: `;
}

function placeText({ where: { range, name, msrs, access, vendors } }: Finding): string {
  if (range !== undefined) return `range ${range}`;
  const what = name ?? (msrs ? (msrs[0] === msrs[1] ? hex(msrs[0]) : spanText(...msrs)) : 'the filter');
  return [what, access, vendors?.length === 1 ? `(${vendors[0]})` : undefined].filter((part) => part).join(' ');
}
