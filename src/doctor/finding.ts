/** What a check has to say. */

export type Level = 'ok' | 'warning' | 'problem';

/** One line what, one line what to do; `advice` is absent where nothing is to be done. */
export interface Finding {
  /** What was looked at, such as `database`. */
  readonly group: string;
  readonly check: string;
  readonly level: Level;
  readonly what: string;
  readonly advice?: string;
}

/** Findings of one group. */
export class Findings {
  readonly all: Finding[] = [];
  private readonly group: string;

  constructor(group: string) {
    this.group = group;
  }

  ok(check: string, what: string): void {
    this.all.push({ group: this.group, check, level: 'ok', what });
  }

  warning(check: string, what: string, advice: string): void {
    this.all.push({ group: this.group, check, level: 'warning', what, advice });
  }

  problem(check: string, what: string, advice: string): void {
    this.all.push({ group: this.group, check, level: 'problem', what, advice });
  }
}

/** At the end of an advice. */
export const OR_REPAIR = '"msrdiff doctor --repair" does it';

/** The first few of many, and how many more. */
export function few(items: readonly (string | number)[], most = 3): string {
  const rest = items.length - most;
  return items.slice(0, most).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

/** 1 shard, 2 shards */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

export function sizeText(bytes: number): string {
  const unit = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(bytes, 1)) / 10));
  return `${unit === 0 ? bytes : (bytes / 2 ** (10 * unit)).toFixed(1)} ${UNITS[unit]}`;
}

/** What went wrong, in one line. */
export function reason(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return String(message ?? code ?? error).split('\n')[0]!;
}
