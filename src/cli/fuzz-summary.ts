/** What a campaign has come to: as JSON for machines, and as text. */
import type { CampaignTotals } from '../fuzz/campaign.ts';
import { type Coverage, FEATURE_COUNT, PAIR_COUNT } from '../fuzz/coverage.ts';
import type { FoundDivergence } from '../fuzz/findings.ts';
import type { SampleCounts } from '../fuzz/lane.ts';
import type { WorkerConfig } from '../fuzz/worker-protocol.ts';
import { VERDICT_NAMES } from '../model/verdict.ts';
import { quantity, table } from './render.ts';

export interface Found extends FoundDivergence {
  /** Not seen before by this database, or fixed before. */
  readonly news: 'new' | 'reopened' | undefined;
}

/** Of `msrdiff fuzz --json`; docs/formats.md. */
export interface FuzzSummary {
  readonly seed: string;
  readonly cases: number;
  readonly accesses: number;
  readonly verdicts: Readonly<Record<string, number>>;
  readonly divergences: readonly {
    readonly id: string;
    readonly kind: string;
    readonly subject: string;
    readonly cases: number;
    readonly size: number;
    readonly new: boolean;
    readonly reopened: boolean;
  }[];
  readonly known: Readonly<Record<string, number>>;
  readonly samples: Readonly<Record<string, SampleCounts>>;
  readonly kernels: Readonly<Record<string, { readonly description: string; readonly profile: string }>>;
  readonly seconds: number;
  readonly engines: readonly string[];
  readonly profile: string;
  readonly coverage: {
    readonly features: number;
    readonly of: number;
    readonly pairs: number;
    readonly unseen: readonly string[];
  };
  readonly digest: string;
  /** Of the workers' time, the part that was spent inside the engines. */
  readonly engineShare: number;
  /** Seconds that this run's workers spent on shards, all together. */
  readonly workerSeconds: number;
  readonly campaign: number;
  readonly interrupted: boolean;
  readonly database: string;
}

/** What it is made of. */
export interface SummaryParts
  extends Pick<FuzzSummary, 'campaign' | 'seconds' | 'engines' | 'interrupted' | 'database'> {
  readonly worker: WorkerConfig;
  readonly totals: CampaignTotals;
  readonly coverage: Coverage;
  readonly found: Iterable<Found>;
}

export function fuzzSummary(parts: SummaryParts): FuzzSummary {
  const { worker, totals, coverage, found, seconds, engines, campaign, interrupted, database } = parts;
  return {
    seed: worker.seed,
    cases: totals.cases,
    accesses: totals.accesses,
    verdicts: Object.fromEntries(VERDICT_NAMES.map((name, i) => [name, totals.verdicts[i]!])),
    divergences: [...found].map(({ id, kind, subject, cases, size, news }) => ({
      ...{ id, kind, subject, cases, size },
      new: news === 'new',
      reopened: news === 'reopened',
    })),
    known: totals.known,
    samples: totals.samples,
    kernels: Object.fromEntries(
      Object.entries(worker.kernels).map(([name, { description, profile }]) => [name, { description, profile }]),
    ),
    seconds: Math.round(seconds * 1000) / 1000,
    engines,
    profile: worker.profile,
    coverage: {
      features: coverage.featuresSeen(),
      of: FEATURE_COUNT,
      pairs: coverage.pairsSeen(),
      unseen: coverage.unseen(),
    },
    digest: totals.digest,
    engineShare: totals.shardSeconds === 0 ? 0 : totals.engineSeconds / totals.shardSeconds,
    workerSeconds: Math.round(totals.shardSeconds * 1000) / 1000,
    campaign,
    interrupted,
    database,
  };
}

export function summaryText(summary: FuzzSummary): string {
  const { divergences, coverage, kernels } = summary;
  const fresh = divergences.filter((divergence) => divergence.new).length;
  const reopened = divergences.filter((divergence) => divergence.reopened).length;
  const known = Object.entries(summary.known).map(([id, count]) => `${id} ${quantity(count)}`);
  const rate = summary.accesses / Math.max(summary.workerSeconds, 1e-9);
  const rows = [
    ['cases', `${summary.cases} in ${summary.seconds.toFixed(1)} s`],
    [
      'accesses',
      `${quantity(summary.accesses)} through ${summary.engines.length} engines, ${quantity(rate)}/s per worker`,
    ],
    [
      'verdicts',
      Object.entries(summary.verdicts)
        .map(([name, count]) => `${name} ${quantity(count)}`)
        .join(', '),
    ],
    ['coverage', `${coverage.features} of ${coverage.of} features, ${coverage.pairs} of at most ${PAIR_COUNT} pairs`],
    ['known', known.join(', ') || 'none met'],
    [
      'divergences',
      `${divergences.length}, of which new: ${fresh}${reopened > 0 ? `, fixed before and back again: ${reopened}` : ''}`,
    ],
    ...Object.entries(summary.samples).map(([name, { cases, filters, accesses }]) => {
      const counts = `${quantity(cases)} cases, ${quantity(filters)} filters, ${quantity(accesses)} accesses`;
      return [name, `${counts}: ${kernels[name]!.description}, profile ${kernels[name]!.profile}`];
    }),
    ['digest', summary.digest],
    ['results', summary.database],
  ];
  const list = divergences.map(({ id, kind, subject, cases, size }) => [
    ...[id, kind, subject],
    `size ${size}`,
    `${cases} cases`,
  ]);
  const hint = list.length > 0 ? `\n\n${table(list)}\nmsrdiff show ID explains one` : '';
  return table(rows) + hint;
}
