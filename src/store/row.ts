/**
 * Columns of rows, checked. SQLite takes any type in any column, and a file may be damaged, edited or made by anyone:
 * what is not as msrdiff writes it is refused with the row's and the column's name, and not passed on.
 */
import {
  at,
  type JsonPlace,
  readAnyObject,
  readArray,
  readString,
  readWord,
  reject,
  show,
} from '../model/json-fields.ts';
import { parseJsonText } from '../model/json-text.ts';
import type { Row } from './driver.ts';

/** Reads the columns of one row; `what` names the row in messages: `campaign 3`. Methods throw InputError. */
export class RowReader {
  private readonly row: Row;
  private readonly place: JsonPlace;

  constructor(row: Row, what: string) {
    this.row = row;
    this.place = { where: what, path: '' };
  }

  /** Text, or a number as text: SQLite gives digits in a column without a type back as a number. */
  text(column: string): string {
    const value = this.row[column];
    return typeof value === 'number' ? String(value) : readString(value, at(this.place, column));
  }

  number(column: string): number {
    const value = this.row[column];
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    return reject(at(this.place, column), `expected a number, found ${show(value)}`);
  }

  /** A whole number from 0 on, as ids and counts are. */
  count(column: string): number {
    const value = this.number(column);
    return Number.isSafeInteger(value) && value >= 0
      ? value
      : reject(at(this.place, column), `expected a whole number from 0 on, found ${value}`);
  }

  /** What `read` gives, or null where the column is null. */
  orNull<T>(column: string, read: (column: string) => T): T | null {
    return this.row[column] === null ? null : read.call(this, column);
  }

  word<Word extends string>(column: string, words: readonly Word[]): Word {
    return words[readWord(this.row[column], at(this.place, column), words)]!;
  }

  json(column: string): unknown {
    return parseJsonText(this.text(column), `${this.place.where}: ${column}`);
  }

  /** JSON: a list, each element by `read`. */
  list<T>(column: string, read: (value: unknown, place: JsonPlace) => T): T[] {
    const place = at(this.place, column);
    return readArray(this.json(column), place).map((value, i) => read(value, at(place, i)));
  }

  /** JSON: an object, each member by `read`. */
  record<T>(column: string, read: (value: unknown, place: JsonPlace) => T): Record<string, T> {
    const place = at(this.place, column);
    const members = Object.entries(readAnyObject(this.json(column), place));
    return Object.fromEntries(members.map(([name, value]) => [name, read(value, at(place, name))]));
  }
}

/** A number in JSON. */
export function readNumber(value: unknown, place: JsonPlace): number {
  return typeof value === 'number' ? value : reject(place, `expected a number, found ${show(value)}`);
}
