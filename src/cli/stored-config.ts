/** What a database says a campaign is, and what its shards came to: checked before a run goes on from there. */
import { z } from 'zod';
import type { FoldedShard } from '../fuzz/campaign.ts';
import { InputError } from '../model/input-error.ts';
import { findProfile } from '../model/profile.ts';
import { schemaProblem } from '../model/schema-problem.ts';
import type { CampaignRow } from '../store/store.ts';
import type { StoredConfig } from './fuzz-run.ts';

const count = z.number().int().nonnegative();
const counts = z.record(z.string(), count);

// Engines have been checked by the store (src/engines/engine-spec.ts), or are when they are loaded.
const CONFIG = z.looseObject({
  worker: z.looseObject({
    seed: z.string().regex(/^\d{1,20}$/),
    profile: z.string().refine((id) => findProfile(id) !== undefined, 'there is no such profile'),
    engines: z.array(z.looseObject({ kind: z.enum(['built-in', 'module', 'command', 'kernel']) })).min(1),
    ledger: z.array(z.looseObject({ id: z.string() })),
    day: z.string(),
    accessesPerCase: count.positive(),
    sample: z.object({ every: count.positive(), accesses: count.positive() }),
    kernels: z.record(z.string(), z.looseObject({ description: z.string(), profile: z.string() })),
  }),
  cases: count.positive().nullable(),
  seconds: z.number().positive().nullable(),
  ahead: count.min(2).optional(),
  shardCases: count.positive().optional(),
  token: z.uuid().optional(),
});

/** Throws InputError: that the campaign cannot be resumed, and why. */
export function readStoredConfig({ id, config }: CampaignRow): StoredConfig {
  const result = CONFIG.safeParse(config);
  if (result.success) return result.data as unknown as StoredConfig;
  throw cannotResume(id, `its configuration is damaged (${schemaProblem(result.error)})`);
}

const SHARD = z.looseObject({
  shard: count,
  cases: count,
  accesses: count,
  verdicts: z.array(count),
  digest: z.string(),
  known: counts,
  uses: z.array(z.number()),
  news: z.array(z.number()),
  features: z.array(count),
  newPairs: z.array(z.tuple([count, count])),
});

/** In order, from 0 on. Throws InputError as above. */
export function readStoredShards(id: number, shards: readonly unknown[]): FoldedShard[] {
  return shards.map((shard, number) => {
    const result = SHARD.safeParse(shard);
    if (!result.success) throw cannotResume(id, `shard ${number} is damaged (${schemaProblem(result.error, 'it')})`);
    if (result.data.shard !== number) throw cannotResume(id, `shard ${number} is missing`);
    return result.data as unknown as FoldedShard;
  });
}

function cannotResume(id: number, why: string): InputError {
  return new InputError(
    `campaign ${id} cannot be resumed, as ${why}: see "msrdiff doctor", or start another with the same seed`,
  );
}
