/** Numbers and times as they are read. Times are shown in UTC, as everywhere in msrdiff. */

const GROUPED = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });

/** 12,345 */
export function grouped(value: number): string {
  return GROUPED.format(value);
}

/** 12.3K */
export function short(value: number): string {
  return SHORT.format(value);
}

/** 87 %, and more digits only near 0 and 100. */
export function percent(share: number): string {
  const value = share * 100;
  const digits = value === 0 || value === 100 || (value >= 1 && value <= 99) ? 0 : 2;
  return `${value.toFixed(digits)} %`;
}

/** 1 h 05 min, 4 min 10 s, 12 s */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const [h, min, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (h > 0) return `${h} h ${String(min).padStart(2, '0')} min`;
  return min > 0 ? `${min} min ${s} s` : `${s} s`;
}

/** 2026-01-31 12:05, from ISO 8601 in UTC. */
export function minuteOf(time: string): string {
  return time.slice(0, 16).replace('T', ' ');
}
