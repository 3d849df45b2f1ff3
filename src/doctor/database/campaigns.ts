/** Whether the shards of a campaign are all there and add up to what the campaign says of itself. */
import { z } from 'zod';
import { Campaign, chainDigest, type FoldedShard } from '../../fuzz/campaign.ts';
import { PROOF_SEED } from '../../store/campaigns.ts';
import type { Database, Row } from '../../store/driver.ts';
import { type Findings, few, OR_REPAIR, reason } from '../finding.ts';

/** Shards that are in memory at once: each is some kilobytes. */
const BATCH = 256;

const numbers = z.array(z.number());

/** A `FoldedShard`, as far as folding relies on it. */
const FOLDED = z.looseObject({
  ...{ shard: z.int(), cases: z.int(), accesses: z.int(), digest: z.string() },
  ...{ verdicts: numbers, uses: numbers, news: numbers, features: numbers },
  known: z.record(z.string(), z.number()),
  samples: z
    .record(z.string(), z.object({ cases: z.int(), filters: z.int(), accesses: z.int(), verdicts: numbers }))
    .optional(),
  newPairs: z.array(z.tuple([z.int(), z.int()])),
  learned: z
    .object({
      signatures: z.array(z.tuple([z.string(), z.string()])),
      divergences: z.array(z.looseObject({ id: z.string() })),
    })
    .optional(),
});

export interface CampaignState {
  readonly id: number;
  readonly finished: boolean;
  /** What is wrong, one line each. */
  readonly faults: readonly string[];
  /** Of one that can be resumed: its run up to the first shard that is missing or damaged. */
  readonly run: Campaign | undefined;
}

/** In batches, in order. */
async function* shardsOf(db: Database, id: number, columns: string): AsyncGenerator<Row> {
  for (let after = -1; ; ) {
    const rows = await db.all(
      `SELECT shard, ${columns} FROM shards WHERE campaign_id = ? AND shard > ? ORDER BY shard LIMIT ${BATCH}`,
      [id, after],
    );
    yield* rows;
    if (rows.length < BATCH) return;
    after = Number(rows.at(-1)!.shard);
  }
}

export async function examineCampaigns(db: Database): Promise<CampaignState[]> {
  const states: CampaignState[] = [];
  for (const row of await db.all('SELECT * FROM campaigns ORDER BY id')) {
    const [shards] = await db.all('SELECT count(*) AS n FROM shards WHERE campaign_id = ?', [Number(row.id)]);
    // One that was pruned, or that did not come to its first shard, has none.
    if (Number(shards!.n) === 0 || row.seed === PROOF_SEED) continue;
    states.push(row.state === 'finished' ? await examineFinished(db, row) : await examineUnfinished(db, row));
  }
  return states;
}

/** What a shard brought is dropped at the end: the digests are left. */
async function examineFinished(db: Database, row: Row): Promise<CampaignState> {
  const id = Number(row.id);
  let [expected, digest] = [0, ''];
  const faults: string[] = [];
  for await (const { shard, digest: own } of shardsOf(db, id, 'digest')) {
    if (shard !== expected) {
      faults.push(gap(expected, Number(shard)));
      break;
    }
    expected++;
    digest = chainDigest(digest, String(own));
  }
  if (faults.length === 0 && digest !== row.digest) faults.push(`its shards give the digest ${digest}`);
  return { id, finished: true, faults, run: undefined };
}

async function examineUnfinished(db: Database, row: Row): Promise<CampaignState> {
  const id = Number(row.id);
  const run = new Campaign();
  const faults: string[] = [];
  for await (const { shard, digest, result } of shardsOf(db, id, 'digest, result')) {
    if (shard !== run.totals.shards) {
      faults.push(gap(run.totals.shards, Number(shard)));
      break;
    }
    try {
      // Before it is folded: half a shard must not be.
      const folded = JSON.parse(String(result)) as FoldedShard;
      FOLDED.parse(folded);
      if (folded.digest !== digest) throw new Error('its digest is another one');
      run.restore(folded);
    } catch (error) {
      faults.push(`shard ${shard} cannot be used: ${unusable(error)}`);
      break;
    }
  }
  const { cases, accesses, digest, known } = run.totals;
  if (faults.length === 0) {
    if (digest !== row.digest) faults.push(`its shards give the digest ${digest}`);
    if (cases !== row.cases) faults.push(`its shards have ${cases} cases, not ${row.cases}`);
    if (accesses !== row.accesses) faults.push(`its shards have ${accesses} accesses, not ${row.accesses}`);
    if (!sameCounts(known, String(row.known))) faults.push('its known observations are not those of its shards');
  }
  return { id, finished: false, faults, run };
}

function unusable(error: unknown): string {
  if (!(error instanceof z.ZodError)) return reason(error);
  return error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)[0]!;
}

function gap(expected: number, found: number): string {
  return found === expected + 1 ? `shard ${expected} is missing` : `shards ${expected} to ${found - 1} are missing`;
}

function sameCounts(counts: Readonly<Record<string, number>>, text: string): boolean {
  const sorted = (value: object): string => JSON.stringify(Object.entries(value).sort());
  try {
    return sorted(counts) === sorted(JSON.parse(text));
  } catch {
    return false;
  }
}

export function reportCampaigns(states: readonly CampaignState[], findings: Findings): void {
  const wrong = states.filter(({ faults }) => faults.length > 0);
  for (const { id, finished, faults } of wrong) {
    const mend = finished
      ? `what it found is not touched; drop its shards, which nobody needs any more: ${OR_REPAIR}`
      : `go back to its last good shard, from where --resume runs the rest again: ${OR_REPAIR}`;
    findings.problem('shards', `campaign ${id}: ${few(faults)}`, mend);
  }
  if (wrong.length === 0) findings.ok('shards', `of ${states.length} campaigns with shards, all are whole`);
}
