/** Text for people: tables, history, numbers. */
import type { HistoryEntry } from '../store/triage.ts';

/**
 * On one line, without what a terminal would act on: messages of engines, notes and names come from anywhere.
 */
export function line(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ');
}

/** Columns padded to their widest cell. */
export function table(given: readonly (readonly string[])[]): string {
  const rows = given.map((row) => row.map(line));
  const widths = rows[0]?.map((_, column) => rows.reduce((most, row) => Math.max(most, row[column]!.length), 0)) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** One line each, indented, oldest first; empty if nothing was said. */
export function historyTable(history: readonly HistoryEntry[]): string {
  if (history.length === 0) return '';
  const rows = history.map(({ at, author, status, note }) => [`  ${at.slice(0, 19)}`, author, status ?? '', note]);
  return `${table(rows)}\n`;
}

/** 1234567 -> 1.23 M */
export function quantity(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)} G`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  if (value >= 1e4) return `${(value / 1e3).toFixed(1)} k`;
  return String(Math.round(value));
}
