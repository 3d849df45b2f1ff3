/** A disproof becomes a divergence like those that campaigns find: reduced to its normal form, and stored. */
import { SHIPPED_LEDGER } from '../fuzz/ledger.ts';
import { probe, probeTimeout } from '../fuzz/probe.ts';
import { sizeOf } from '../fuzz/reduce/order.ts';
import type { ProbeFinding } from '../fuzz/worker-protocol.ts';
import { parseJsonText } from '../model/json-text.ts';
import { vectorText } from '../model/result-name.ts';
import { parseScenario } from '../model/scenario-json.ts';
import type { ProofPlan, ShardProof } from '../prove/plan.ts';
import { PROOF_SEED } from '../store/campaigns.ts';
import { Store } from '../store/store.ts';

export interface Disproof {
  /** Identity of the stored divergence; null if it did not show again when it was to be reduced, or was not stored. */
  readonly id: string | null;
  readonly scenario: string;
  /** One line. */
  readonly summary: string;
}

/** What a proof that finds a difference leaves behind. */
export async function recordDisproof(plan: ProofPlan, lost: ShardProof, database: string): Promise<Disproof> {
  const scenario = lost.disproof!;
  const request = {
    ...{ scenario, profile: plan.profile, engines: plan.engines, ledger: SHIPPED_LEDGER },
    ...{ day: new Date().toISOString().slice(0, 10), action: 'minimize' as const },
  };
  const reply = await probe(request, probeTimeout(request));
  const found =
    reply.kind === 'done' ? reply.findings.find(({ id, known }) => id !== undefined && known === null) : undefined;
  if (!found) {
    const why = Object.keys(lost.counts).filter((name) => /^(lost|contradicted):/.test(name));
    const alone = reply.kind === 'lost' ? reply.message : 'it did not show when the scenario was run by itself';
    return { id: null, scenario, summary: [...why, alone].join('; ') };
  }
  const summary = `${found.kind}, ${found.subject}: ${found.message || vectorText(found.kind, found.vector)}`;
  try {
    await store(plan, found, lost.shard, database);
  } catch (error) {
    // What was found is told all the same.
    if ((error as { code?: string }).code !== 'MSRDIFF_STORE') throw error;
    return { id: null, scenario: found.normalForm!, summary: `${summary} (not stored: ${(error as Error).message})` };
  }
  return { id: found.id!, scenario: found.normalForm!, summary };
}

async function store(plan: ProofPlan, found: ProbeFinding, shard: number, database: string): Promise<void> {
  const { kind, subject, vector, message, normalForm: scenario, evaluations, reliability, msr, written } = found;
  const results = await Store.open(database);
  try {
    const names = Object.keys(vector);
    const campaign = await results.createCampaign(PROOF_SEED, plan.profile, names, { proof: plan });
    const got = vector[subject] ?? 0;
    const expected = Object.entries(vector).find(([name, value]) => name !== subject && value !== got)?.[1] ?? 0;
    const divergence = {
      ...{ id: found.id!, kind, subject, profile: plan.profile, scenario: scenario!, vector, expected, got, message },
      size: sizeOf(parseScenario(parseJsonText(scenario!, 'scenario'), 'scenario')),
      ...{ evaluations: evaluations ?? 0, reliability: reliability ?? 0, firstCase: 0, cases: 1 },
      ...{ msr: msr ?? null, write: written ?? null, rules: [] },
    };
    const totals = { cases: 1, accesses: 0, seconds: 0, digest: '', known: {} };
    await results.recordShard(
      { campaign, shard, digest: '', result: {}, divergences: [divergence], totals },
      plan.engines,
    );
    await results.finishCampaign(campaign, 'finished', { features: {}, featuresSeen: 0, pairsSeen: 0 });
  } finally {
    await results.close();
  }
}
