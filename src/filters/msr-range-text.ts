/** MSRs as people write them: a name, an index, or two of them with "-" between. */
import { nearestMsrName, oneMsr } from '../model/catalogue.ts';
import { hex } from '../model/json-fields.ts';
import type { IndexRange } from './index-set.ts';

/** The MSRs that a text means, or what is wrong with it, in the middle of a sentence. */
export function readMsrRange(text: string): IndexRange | string {
  const dash = text.indexOf('-');
  const ends = dash < 0 ? [text] : [text.slice(0, dash), text.slice(dash + 1)];
  const indices: number[] = [];
  for (const end of ends) {
    const index = oneMsr(end);
    if (index === undefined) return unknown(end.trim());
    indices.push(index);
  }
  const [first, last = first] = indices as [number, number?];
  return last >= first ? { first, last } : `${JSON.stringify(text)} ends before it starts: write the lower MSR first`;
}

function unknown(text: string): string {
  const quoted = JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text);
  if (text === '' || /^[\d-]/.test(text)) return `${quoted} is no MSR index: give 0 to 0xffffffff, or a name`;
  return `${quoted} is no MSR that the catalogue names; the nearest is ${nearestMsrName(text)}, or give the index`;
}

/** One index or a range of them, as `readMsrRange` takes it. */
export function formatMsrRange({ first, last }: IndexRange): string {
  return first === last ? hex(first) : `${hex(first)}-${hex(last)}`;
}
