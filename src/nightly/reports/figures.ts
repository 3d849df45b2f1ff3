/** What the documents of a night show: its trend and its survival curves, and numbers as people read them. */
import { perSecond } from '../compare.ts';
import type { NightReport } from '../report.ts';

/** A divergence and how long it takes to show. */
export interface Curve {
  readonly id: string;
  readonly subject: string;
  readonly status: string;
  /** Share of campaigns in which it has not shown yet, after so many cases; begins at 0 cases, 1. */
  readonly points: readonly { readonly cases: number; readonly share: number }[];
}

/** One night of a trend. */
export interface TrendPoint {
  /** ISO 8601. */
  readonly startedAt: string;
  readonly features: number;
  readonly pairs: number;
  readonly casesPerSecond: number;
  readonly accessesPerSecond: number;
  /** Divergences that were new or reopened. */
  readonly fresh: number;
}

/** Nights that ran a campaign, in the order given. */
export function trendOf(nights: readonly NightReport[]): TrendPoint[] {
  return nights
    .filter(({ campaigns }) => campaigns.length > 0)
    .map(({ startedAt, campaigns, coverage, divergences }) => ({
      startedAt,
      features: coverage.features.length,
      pairs: coverage.pairs,
      casesPerSecond: perSecond(campaigns, 'cases'),
      accessesPerSecond: perSecond(campaigns, 'accesses'),
      fresh: divergences.filter(({ change }) => change !== 'seen').length,
    }));
}

/** Cases by which half of the campaigns have shown it; null if fewer have. */
export function medianCases({ points }: Curve): number | null {
  return points.find(({ share }) => share <= 0.5)?.cases ?? null;
}

/** At most four digits before the decimals go. */
export function amount(value: number): string {
  const digits = Math.abs(value) >= 1000 || Number.isInteger(value) ? 0 : 2;
  return value.toLocaleString('en-US', { maximumFractionDigits: digits });
}

/** `+12 %`; empty where there is nothing to divide by. */
export function relative(before: number, now: number): string {
  if (before === 0) return '';
  const percent = Math.round(((now - before) / before) * 100);
  return `${percent >= 0 ? '+' : '−'}${Math.abs(percent)} %`;
}

export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `2026-11-21` */
export function dayOf(time: string): string {
  return time.slice(0, 10);
}

/** `2026-11-21 01:00` */
export function minuteOf(time: string): string {
  return time.slice(0, 16).replace('T', ' ');
}
