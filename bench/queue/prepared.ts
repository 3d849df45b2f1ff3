/** Results of shards that have really been run, for workers that only simulate; and the campaign that they are of. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_ENGINES, engineSpecs, loadEngines } from '../../src/engines/registry.ts';
import { CASES_PER_SHARD, Campaign, type ShardOutcome } from '../../src/fuzz/campaign.ts';
import { ACCESSES_PER_CASE } from '../../src/fuzz/case.ts';
import { SHIPPED_LEDGER } from '../../src/fuzz/ledger.ts';
import { DEFAULT_SAMPLE } from '../../src/fuzz/sample.ts';
import type { ShardTask } from '../../src/fuzz/shard.ts';
import { shardRunner } from '../../src/fuzz/shard-engines.ts';
import type { WorkerConfig } from '../../src/fuzz/worker-protocol.ts';
import { NEWEST_PROFILE } from '../../src/model/profile.ts';
import { writeEngine } from '../divergences.ts';

/** An engine that is wrong in every case, or none. */
export type Load = 'quiet' | 'diverging';

export interface Prepared {
  readonly config: WorkerConfig;
  readonly names: readonly string[];
  readonly tasks: readonly ShardTask[];
  readonly outcomes: readonly ShardOutcome[];
  /** Where the workers find the outcomes: JSON, one a line. */
  readonly path: string;
}

export function configOf(load: Load, folder: string): WorkerConfig {
  const engines = load === 'quiet' ? DEFAULT_ENGINES : ['reference', 'interval'];
  return {
    seed: '1',
    profile: NEWEST_PROFILE.id,
    engines: engineSpecs(engines, load === 'quiet' ? [] : [writeEngine(folder, 'wrong')]),
    ledger: SHIPPED_LEDGER,
    day: new Date().toISOString().slice(0, 10),
    accessesPerCase: ACCESSES_PER_CASE,
    sample: DEFAULT_SAMPLE,
    kernels: {},
  };
}

/** Runs so many shards in this thread. */
export async function prepare(load: Load, shards: number, folder: string): Promise<Prepared> {
  const config = configOf(load, folder);
  const engines = await loadEngines(config.engines);
  const runner = shardRunner(engines, config, () => {});
  const tasks: ShardTask[] = [];
  const outcomes: ShardOutcome[] = [];
  await new Campaign().run(
    { cases: shards * CASES_PER_SHARD, workers: 1 },
    async (task) => {
      tasks.push(task);
      outcomes[task.shard] = { result: runner.run(task), failures: [] };
      return outcomes[task.shard];
    },
    async () => {},
    new AbortController().signal,
  );
  const path = join(folder, `${load}.jsonl`);
  writeFileSync(path, outcomes.map(lineOf).join('\n'));
  return { config, names: engines.map(({ name }) => name), tasks, outcomes, path };
}

/** As a message has it, with the shard's number first; not compressed. */
function lineOf({ result, failures }: ShardOutcome): string {
  const { shard, coverage, ...others } = result;
  const pairs = { base64: Buffer.from(coverage.pairs).toString('base64') };
  return JSON.stringify({ result: { shard, ...others, coverage: { ...coverage, pairs } }, failures });
}
