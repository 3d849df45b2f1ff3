/** `msrdiff fuzz --queue URL --attach`: follows a campaign that runs on a queue, and ends as it ends. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { FEATURE_COUNT } from '../fuzz/coverage.ts';
import { Exit } from '../model/exit.ts';
import { InputError } from '../model/input-error.ts';
import { schemaProblem } from '../model/schema-problem.ts';
import { connect } from '../queue/connection.ts';
import type { RunDescription } from '../queue/messages.ts';
import { QueueError, queueFault } from '../queue/queue-error.ts';
import { type RunStatus, readStatus } from '../queue/run-status.ts';
import { liveRuns, readRun } from '../queue/runs.ts';
import { type FuzzSummary, summaryText } from './fuzz-summary.ts';
import { line, quantity } from './render.ts';
import { StatusLine } from './status-line.ts';

const LOOK_MS = 500;

interface AttachOptions {
  /** Beginning of its token, or part of its database's path; needed if several run. */
  readonly campaign?: string;
  readonly json: boolean;
}

/** Its exit code. Throws InputError, QueueError. */
export async function attach(url: string, { campaign, json }: AttachOptions): Promise<number> {
  const redis = await connect(url);
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  try {
    const description = await find(redis, campaign);
    const status = await follow(redis, description, stop.signal);
    // Following has ended, not the campaign.
    if (!status) return Exit.INTERRUPTED;
    const summary = summaryOf(status);
    process.stdout.write(`${json ? JSON.stringify(summary) : summaryText(summary)}\n`);
    if (status.state === 'interrupted') return Exit.INTERRUPTED;
    return summary.divergences.some((found) => found.new || found.reopened) ? Exit.DIVERGED : Exit.OK;
  } catch (error) {
    throw queueFault(error);
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    redis.disconnect();
  }
}

async function find(redis: Redis, campaign = ''): Promise<RunDescription> {
  const runs: RunDescription[] = [];
  for (const token of await liveRuns(redis)) {
    const run = await readRun(redis, token);
    if (run && (token.startsWith(campaign) || run.label.includes(campaign))) runs.push(run);
  }
  if (runs.length === 1) return runs[0]!;
  if (runs.length === 0)
    throw new InputError(`--attach: no campaign ${campaign ? `"${campaign}" ` : ''}runs on this queue`);
  const choices = runs.map(({ token, label }) => `${token.slice(0, 8)} (${label})`);
  throw new InputError(`--attach: several campaigns run on this queue, name one of ${choices.join(', ')}`);
}

/** Whoever can write to the queue can write a status. */
const SUMMARY = z.looseObject({
  ...{ seed: z.string(), cases: z.number(), accesses: z.number(), seconds: z.number(), workerSeconds: z.number() },
  ...{ digest: z.string(), database: z.string(), engines: z.array(z.string()), interrupted: z.boolean() },
  ...{ verdicts: z.record(z.string(), z.number()), known: z.record(z.string(), z.number()) },
  coverage: z.looseObject({ features: z.number(), of: z.number(), pairs: z.number() }),
  divergences: z.array(
    z.looseObject({
      ...{ id: z.string(), kind: z.string(), subject: z.string(), cases: z.number(), size: z.number() },
      ...{ new: z.boolean(), reopened: z.boolean() },
    }),
  ),
  samples: z.record(z.string(), z.looseObject({ cases: z.number(), filters: z.number(), accesses: z.number() })),
  kernels: z.record(z.string(), z.object({ description: z.string(), profile: z.string() })),
});

function summaryOf(status: RunStatus): FuzzSummary {
  const result = SUMMARY.safeParse(status.summary);
  if (result.success) return result.data as unknown as FuzzSummary;
  throw new QueueError(`the campaign's status in the queue is not as it should be: ${schemaProblem(result.error)}`);
}

/** Until the campaign ends; undefined if the signal comes first. */
async function follow(redis: Redis, run: RunDescription, signal: AbortSignal): Promise<RunStatus | undefined> {
  process.stderr.write(`${line(`following ${run.label}, seed ${run.config.seed}`)}\n`);
  const status = new StatusLine(process.stderr);
  const told = new Set<string>();
  let seen = false;
  try {
    while (!signal.aborted) {
      const now = await readStatus(redis, run.token);
      if (now) {
        seen = true;
        const summary = summaryOf(now);
        tell(summary, told);
        status.update(() => progress(summary));
        if (now.state !== 'running') return now;
      } else if (seen || !(await readRun(redis, run.token))) {
        throw new QueueError(
          `the coordinator of ${run.label} has not been heard of for some time: continue there with --resume`,
        );
      }
      await pause(LOOK_MS, undefined, { signal }).catch(() => {});
    }
    return undefined;
  } finally {
    status.done();
  }
}

function tell({ divergences }: FuzzSummary, told: Set<string>): void {
  for (const { id, kind, subject, new: isNew, reopened } of divergences) {
    if (told.has(id) || !(isNew || reopened)) continue;
    told.add(id);
    process.stderr.write(`${line(`${isNew ? 'new' : 'reopened'} divergence ${id}: ${kind}, ${subject}`)}\n`);
  }
}

function progress({ cases, accesses, seconds, divergences, coverage }: FuzzSummary): string {
  const found = `${divergences.length} divergence${divergences.length === 1 ? '' : 's'}`;
  const rate = `${quantity(accesses / Math.max(seconds, 1e-9))} accesses/s`;
  return `${quantity(cases)} cases  ${rate}  ${found}  coverage ${coverage.features}/${FEATURE_COUNT}  ${Math.floor(seconds)} s`;
}
