/**
 * What a night has left in the database. It is taken from there and not from what steps print: a step that crashes half
 * way has stored what it had found.
 */
import { vectorText } from '../model/result-name.ts';
import type { Status } from '../model/status.ts';
import { PROOF_SEED } from '../store/campaigns.ts';
import type { Store, StoredDivergence } from '../store/store.ts';
import type { NightCampaign, NightCoverage, NightDivergence, NightReport } from './report.ts';
import type { Curve } from './reports/figures.ts';

/** Survival curves that a report has: more cannot be told apart. */
const MOST_CURVES = 8;

/** Somebody is to look at it, or to mend it. */
const WAITING: readonly Status[] = ['new', 'triaged'];
/** Most divergences not seen this night that a report has: code scanning takes no more than some thousands. */
const MOST_WAITING = 1000;

/** The database before a night. */
export interface Before {
  /** Times reopened, by id: divergences that a report has told, or that were there before the first night. */
  readonly divergences: ReadonlyMap<string, number>;
  /** Number of the last campaign, 0 for none. */
  readonly lastCampaign: number;
  /** Divergences that a night has found that did not come to its report, and that are still new. */
  readonly untold: readonly string[];
}

/** As little as says what was there when a night began, JSON. */
interface Mark {
  readonly lastCampaign: number;
  /** Times reopened, by id, where it is not 0. */
  readonly reopened: Readonly<Record<string, number>>;
}

export interface Found {
  readonly campaigns: NightCampaign[];
  readonly coverage: NightCoverage;
  readonly divergences: NightDivergence[];
  readonly waiting: NightDivergence[];
  /** Scenarios of divergences with a reproducer, canonical JSON by id. */
  readonly reproducers: ReadonlyMap<string, string>;
}

/** Marks the beginning of the night, too: one that is killed leaves what it has found to the report of the next. */
export async function snapshot(store: Store, startedAt: string): Promise<Before> {
  const divergences = await store.divergences();
  const campaigns = await store.campaigns();
  const lastCampaign = Math.max(0, ...campaigns.map(({ id }) => id));
  const reopened = divergences.flatMap(({ id, reopened }) => (reopened > 0 ? [[id, reopened] as const] : []));
  const own: Mark = { lastCampaign, reopened: Object.fromEntries(reopened) };
  const mark = (await store.beginNight(startedAt, own)) as Mark;
  const known = new Map<string, number>();
  const untold: string[] = [];
  for (const { id, status, reopened, firstCampaign } of divergences) {
    const before = firstCampaign <= mark.lastCampaign ? (mark.reopened[id] ?? 0) : -1;
    // Who has set a status knows of it.
    const told = status !== 'new' || reopened === before;
    if (told) known.set(id, reopened);
    else {
      untold.push(id);
      if (before >= 0) known.set(id, before);
    }
  }
  return { divergences: known, lastCampaign, untold };
}

/** @param others divergences that did not come from a campaign or a proof, as those that the re-check reopened */
export async function collect(store: Store, before: Before, others: readonly string[]): Promise<Found> {
  const rows = (await store.campaigns()).filter(({ id }) => id > before.lastCampaign);
  const own = rows.filter(({ seed }) => seed !== PROOF_SEED);
  const seen = new Map<string, StoredDivergence>();
  for (const { id: campaign } of rows) for (const row of await store.divergences({ campaign })) seen.set(row.id, row);
  for (const id of [...before.untold, ...others]) seen.set(id, await store.divergence(id));
  const ids = new Set(rows.map(({ id }) => id));
  const divergences: NightDivergence[] = [];
  for (const row of seen.values()) divergences.push(await divergenceOf(store, row, before, ids));
  const order = { new: 0, reopened: 1, seen: 2 };
  divergences.sort((a, b) => order[a.change] - order[b.change] || b.cases - a.cases || (a.id < b.id ? -1 : 1));
  const open = await store.divergences({ statuses: WAITING, order: 'last-seen', limit: MOST_WAITING });
  const waiting: NightDivergence[] = [];
  for (const row of open) {
    if (seen.has(row.id)) continue;
    waiting.push(await divergenceOf(store, row, before, ids));
    seen.set(row.id, row);
  }
  const kept = [...divergences, ...waiting].filter(({ reproducer }) => reproducer !== null);
  return {
    campaigns: own.map(({ id, profile, seed, engines, cases, accesses, seconds, digest }) => ({
      ...{ id, profile, seed, engines, cases, accesses, seconds, digest },
    })),
    coverage: await coverageOf(
      store,
      own.map(({ id }) => id),
    ),
    divergences,
    waiting,
    reproducers: new Map(kept.map(({ id }) => [id, seen.get(id)!.scenario])),
  };
}

async function divergenceOf(
  store: Store,
  row: StoredDivergence,
  before: Before,
  campaigns: ReadonlySet<number>,
): Promise<NightDivergence> {
  const { id, status, kind, subject, profile, rules, size, reliability, reopened, vector } = row;
  const earlier = before.divergences.get(id);
  const change = earlier === undefined ? 'new' : reopened > earlier ? 'reopened' : 'seen';
  const occurrences = (await store.occurrences(id)).filter(({ campaign }) => campaigns.has(campaign));
  return {
    ...{ id, change, status, kind, subject, profile, rules, size, reliability },
    message: row.message || vectorText(kind, vector),
    cases: occurrences.reduce((sum, { cases }) => sum + cases, 0),
    reproducer: change === 'seen' && !WAITING.includes(status) ? null : `reproducers/${id}.json`,
  };
}

async function coverageOf(store: Store, campaigns: readonly number[]): Promise<NightCoverage> {
  const features = new Set<string>();
  let [of, pairs] = [0, 0];
  for (const campaign of campaigns) {
    const stored = await store.coverage(campaign);
    for (const [name, times] of Object.entries(stored?.features ?? {})) if (times > 0) features.add(name);
    of = Math.max(of, Object.keys(stored?.features ?? {}).length);
    pairs = Math.max(pairs, stored?.pairsSeen ?? 0);
  }
  return { features: [...features].sort(), of, pairs };
}

/** Of divergences that are fixed or were, and of planted ones; those last seen, the newest first. */
export async function survivalCurves(store: Store, plantedEngines: readonly string[]): Promise<Curve[]> {
  const all = await store.divergences({ order: 'last-seen' });
  const drawn = all
    .filter(({ status, reopened, subject }) => status === 'fixed' || reopened > 0 || plantedEngines.includes(subject))
    .slice(0, MOST_CURVES);
  const curves: Curve[] = [];
  for (const { id, subject, status } of drawn) {
    curves.push({ id, subject, status, points: await store.survival(id) });
  }
  return curves;
}

/** Reports of earlier nights that this version can read, oldest first. */
export async function earlierNights(store: Store, limit: number): Promise<NightReport[]> {
  const nights = await store.nights(limit);
  return nights.map(({ report }) => report as NightReport).filter((report) => report?.version === 1);
}
