import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { Queue } from 'bullmq';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { engineSpecs } from '../../src/engines/registry.ts';
import type { MeasuredKernel } from '../../src/model/kernel.ts';
import { buildHash, engineHashes } from '../../src/queue/build.ts';
import { QUEUE_PREFIX, queueName, resultsKey } from '../../src/queue/keys.ts';
import { encodeTask, parseResult, type RunDescription } from '../../src/queue/messages.ts';
import { RunService } from '../../src/queue/run-service.ts';
import { announceRun } from '../../src/queue/runs.ts';
import type { WorkerMeans } from '../../src/queue/worker-means.ts';
import { scratchFolder } from '../e2e/cli.ts';
import { NO_REDIS, type RedisServer, startRedis } from './redis.ts';

const skip = NO_REDIS !== '' ? NO_REDIS : existsSync('/dev/kvm') ? '' : 'skipped: /dev/kvm is not there';
if (skip !== '') console.log(`test/queue, other kernels: ${skip}`);

const TOKEN = randomUUID();

/** As a machine with another processor would have measured it. */
function otherwise(kernel: MeasuredKernel): MeasuredKernel {
  const unsteady = new Set(kernel.unsteady.map(({ index }) => index));
  const at = kernel.rows.findIndex(({ index }) => !unsteady.has(index));
  const row = kernel.rows[at]!;
  return { ...kernel, rows: kernel.rows.with(at, { ...row, read: row.read === 0 ? 1 : 0 }) };
}

describe.skipIf(skip !== '')('a worker whose kernels are not those of the campaign', { timeout: 120_000 }, () => {
  const means: WorkerMeans = {
    ...{ name: 'w', version: '0', threads: 1, modules: [], commands: [], kernels: true, kernelOptions: {} },
  };
  const engines = engineSpecs(['reference', 'interval', 'kvm'], []);
  const description: RunDescription = {
    ...{ token: TOKEN, run: 'r', label: 'l', version: '0', timeoutMs: 20_000 },
    ...{ build: buildHash(), engineHashes: engineHashes(engines) },
    config: {
      ...{ seed: '1', profile: '6.18', engines, ledger: [], day: '2026-01-01', accessesPerCase: 16 },
      ...{ sample: { every: 1, accesses: 4 }, kernels: {} },
    },
  };
  const task = {
    ...{ firstCase: 0, cases: 2, steering: [], knownPairs: new Uint8Array(), reductions: new Map(), timeouts: [] },
  };
  let server: RedisServer;
  let measured: Readonly<Record<string, MeasuredKernel>>;
  let others: RunDescription;

  const result = (): Promise<string> =>
    vi.waitUntil(() => server.redis.lpop(resultsKey(TOKEN)), { timeout: 60_000, interval: 100 });

  beforeAll(async () => {
    server = await startRedis(scratchFolder());
    const service = await RunService.open(server.redis, description, means);
    expect(service.withKernels).toBe(true);
    const queue = new Queue(queueName(TOKEN, true), { connection: server.redis, prefix: QUEUE_PREFIX });
    await queue.add('engines', encodeTask({ run: 'r' }), { jobId: 'engines' });
    await service.start(() => {});
    const text = await result();
    await service.close();
    await queue.close();
    const message = parseResult(text);
    measured = message.kind === 'engines' ? message.engines.kernels : {};
    expect(Object.keys(measured)).toEqual(['kvm']);
    others = { ...description, config: { ...description.config, kernels: { kvm: otherwise(measured.kvm!) } } };
  }, 120_000);

  it('does without them if it comes when they have been measured', async () => {
    const service = await RunService.open(server.redis, others, means);
    expect(service.withKernels).toBe(false);
    expect(service.without).toMatch(/^without kernels: engine kvm answers 1 MSRs otherwise here/);
    await service.close();
  });

  it('gives a shard back that it has taken, and runs those that need none', async () => {
    const service = await RunService.open(server.redis, description, means);
    await announceRun(server.redis, others);
    const queues = [false, true].map(
      (kernels) => new Queue(queueName(TOKEN, kernels), { connection: server.redis, prefix: QUEUE_PREFIX }),
    );
    await queues[1]!.add('shard', encodeTask({ run: 'r', task: { ...task, shard: 0 } }), { jobId: 'shard-0' });
    const told: string[] = [];
    await service.start(() => told.push(service.without));
    await expect.poll(() => told, { timeout: 60_000 }).toHaveLength(1);
    expect(told[0]).toMatch(/engine kvm answers 1 MSRs otherwise here/);
    await expect.poll(() => queues[1]!.getJobState('shard-0'), { timeout: 60_000 }).toBe('waiting');
    expect((await queues[1]!.getJob('shard-0'))!.attemptsMade).toBe(0);
    const plain = { ...task, shard: 1, firstCase: 2, cases: 0 };
    await queues[0]!.add('shard', encodeTask({ run: 'r', task: plain }), { jobId: 'shard-1' });
    const text = await result();
    expect(parseResult(text)).toMatchObject({ kind: 'shard', outcome: { result: { shard: 1 } } });
    expect(service.shards).toBe(1);
    await service.close();
    expect(await queues[1]!.getJobState('shard-0')).toBe('waiting');
    for (const queue of queues) await queue.close();
  });
});
