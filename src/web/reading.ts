/** The routes that read the database. */
import { type Context, Hono } from 'hono';
import { EXPORT_FORMATS } from '../export/hand-over.ts';
import { InputError } from '../model/input-error.ts';
import { KERNEL_PROFILES, NEWEST_PROFILE } from '../model/profile.ts';
import type { Store, StoredDivergence } from '../store/store.ts';
import type { CampaignProgressReply, DivergencePage, Overview, ProfileList } from './api.ts';
import { refusal } from './problem.ts';
import { readQuery } from './query.ts';
import { detailsOf, rowOf, summaryOf } from './rows.ts';

export interface ReadingOptions {
  readonly store: Store;
  readonly version: string;
  /** Path as given on the command line. */
  readonly database: string;
  readonly readOnly: boolean;
}

/** The newest ones are shown. */
const MAX_CAMPAIGNS = 1_000;

export function readingRoutes(options: ReadingOptions): Hono {
  const { store } = options;
  const overview = perVersion(store, () => overviewOf(options));
  return new Hono()
    .get('/overview', async (c) => c.json(await overview()))
    .get('/profiles', (c) => {
      const profiles = KERNEL_PROFILES.map(({ id }) => id);
      return c.json({ newest: NEWEST_PROFILE.id, profiles } satisfies ProfileList);
    })
    .get('/campaigns/:id/progress', async (c) => {
      const text = c.req.param('id');
      if (!/^[1-9]\d{0,14}$/.test(text)) throw new InputError('campaigns: expected the number of a campaign');
      const { campaigns } = await overview();
      const campaign = campaigns.find(({ id }) => id === Number(text));
      if (!campaign) throw refusal(404, `the database has no campaign ${text}: see the overview`);
      const points = await store.progress(campaign.id);
      return c.json({ campaign, points } satisfies CampaignProgressReply);
    })
    .get('/divergences', async (c) => {
      const query = readQuery(c.req.queries());
      const { total, rows } = await store.divergencePage(query);
      return c.json({ total, offset: query.offset, rows: rows.map(rowOf) } satisfies DivergencePage);
    })
    .get('/divergences/:id', async (c) =>
      c.json(await detailsOf(store, await findDivergence(store, c), Object.keys(EXPORT_FORMATS))),
    );
}

/** The divergence that the path names by a prefix of its id. Throws what becomes 400, 404 or 409. */
export async function findDivergence(store: Store, c: Context): Promise<StoredDivergence> {
  const prefix = c.req.param('id') ?? '';
  if (!/^[0-9a-f]{1,64}$/i.test(prefix)) throw new InputError('divergences: expected hex digits of a divergence id');
  return store.divergence(prefix);
}

async function overviewOf({ store, version, database, readOnly }: ReadingOptions): Promise<Overview> {
  const { counts, reopened } = await store.statusCounts();
  const campaigns = await store.campaignSummaries(MAX_CAMPAIGNS);
  return {
    ...{ version, database, readOnly, counts, reopened },
    campaigns: campaigns.map(summaryOf),
    matrix: await store.disagreements(),
    facets: await store.facets(),
  };
}

/** Computed again only when the database has changed. */
function perVersion<T>(store: Store, compute: () => Promise<T>): () => Promise<T> {
  let last: { readonly version: number; readonly value: Promise<T> } | undefined;
  return async () => {
    const version = await store.dataVersion();
    if (last?.version !== version) {
      const value = compute();
      last = { version, value };
      value.catch(() => {
        last = undefined;
      });
    }
    return last!.value;
  };
}
