/** Results by the names that the field gives them. */
import { COMPLETION_NAMES, VERDICT_NAMES } from './verdict.ts';

const ERRNO: Readonly<Record<number, string>> = {
  [-7]: '-E2BIG',
  [-12]: '-ENOMEM',
  [-14]: '-EFAULT',
  [-22]: '-EINVAL',
  [-25]: '-ENOTTY',
  [-95]: '-EOPNOTSUPP',
};

/** A result of the kind as the field names it; `-` where an engine takes no part. */
export function resultName(kind: string, value: number | null | undefined): string {
  if (value === null || value === undefined) return '-';
  if (kind === 'verdict') return VERDICT_NAMES[value] ?? String(value);
  if (kind === 'errno') return ERRNO[value] ?? String(value);
  if (kind === 'completion') return COMPLETION_NAMES[value] ?? String(value);
  return value === 0 ? 'ok' : 'wrong';
}

/** `reference filter, interval allow, ...` */
export function vectorText(kind: string, vector: Readonly<Record<string, number | null>>): string {
  return Object.entries(vector)
    .map(([engine, value]) => `${engine} ${resultName(kind, value)}`)
    .join(', ');
}
