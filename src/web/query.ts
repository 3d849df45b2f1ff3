/** The query of GET /api/divergences, checked. */
import { msrIndices } from '../model/catalogue.ts';
import { InputError } from '../model/input-error.ts';
import { isStatus, STATUSES, type Status } from '../model/status.ts';
import { VERDICT_NAMES } from '../model/verdict.ts';
import { type DivergenceOrder, type DivergenceQuery, ORDERS } from '../store/search.ts';

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;
/** Most characters of a value, and most values of a list. */
const MAX_TEXT = 200;
const MAX_LIST = 64;

type Read = (text: string, name: string) => DivergenceQuery;

const READERS: Readonly<Record<string, Read>> = {
  status: (text, name) => ({ statuses: list(text, name).map((word) => status(word, name)) }),
  kind: (text, name) => ({ kinds: list(text, name) }),
  engine: (text) => ({ subject: text }),
  between: (text, name) => ({ between: pair(text, name) }),
  verdict: (text, name) => ({ verdict: word(text, name, VERDICT_NAMES) }),
  rule: (text) => ({ rule: text }),
  msr: (text) => ({ msrs: msrIndices(text) }),
  profile: (text) => ({ profile: text }),
  campaign: (text, name) => ({ campaign: integer(text, name, 1, Number.MAX_SAFE_INTEGER) }),
  reopened: (text, name) => ({ reopened: word(text, name, ['0', '1']) === 1 }),
  text: (text) => ({ text }),
  order: (text, name) => ({ order: ORDERS[word(text, name, ORDERS)] as DivergenceOrder }),
  offset: (text, name) => ({ offset: integer(text, name, 0, Number.MAX_SAFE_INTEGER) }),
  limit: (text, name) => ({ limit: integer(text, name, 1, MAX_LIMIT) }),
};

/** What is absent or empty does not narrow the search. Throws InputError. */
export function readQuery(given: Readonly<Record<string, readonly string[]>>): DivergenceQuery & { offset: number } {
  let query: DivergenceQuery & { offset: number } = { order: 'last-seen', offset: 0, limit: DEFAULT_LIMIT };
  for (const [name, values] of Object.entries(given)) {
    const read = Object.hasOwn(READERS, name) ? READERS[name] : undefined;
    if (!read)
      throw new InputError(`query: unknown parameter ${quoted(name)}; known: ${Object.keys(READERS).join(', ')}`);
    const [text = '', ...more] = values;
    if (more.length > 0) throw new InputError(`query: ${name} is given twice: give it once`);
    if (text.length > MAX_TEXT) throw new InputError(`query: ${name} is longer than ${MAX_TEXT} characters`);
    if (text !== '') query = { ...query, ...read(text, name) };
  }
  return query;
}

function list(text: string, name: string): string[] {
  const words = text.split(',').filter((word) => word !== '');
  if (words.length > MAX_LIST) throw new InputError(`query: ${name} has more than ${MAX_LIST} values`);
  return words;
}

function pair(text: string, name: string): [string, string] {
  const [a, b, ...more] = list(text, name);
  if (a !== undefined && b !== undefined && more.length === 0) return [a, b];
  throw new InputError(`query: ${name}: expected two engines with a comma between them; found ${quoted(text)}`);
}

function status(text: string, name: string): Status {
  if (isStatus(text)) return text;
  throw new InputError(`query: ${name}: expected some of ${STATUSES.join(', ')}; found ${quoted(text)}`);
}

function word(text: string, name: string, words: readonly string[]): number {
  const position = words.indexOf(text);
  if (position >= 0) return position;
  throw new InputError(`query: ${name}: expected one of ${words.join(', ')}; found ${quoted(text)}`);
}

function integer(text: string, name: string, least: number, most: number): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new InputError(`query: ${name}: expected a number from ${least} to ${most}; found ${quoted(text)}`);
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 40));
}
