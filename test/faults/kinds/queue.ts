/** Faults of a campaign on a queue: one coordinator, Redis, two workers. It must end as it does without a queue. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultKind } from '../kind.ts';
import type { Running } from '../processes.ts';
import { Namespace, namespaceMissing, QueueSite, redisMissing } from '../queue-site.ts';
import { Missed, type Trial } from '../trial.ts';

/** A worker that is silent for so long has lost its shard to another one, in milliseconds. */
const LOCK_LOST_MS = 22_000;
/** Workers load engines first: the campaign takes longer than in threads. */
const PACE = 1.3;

type Fault = (trial: Trial, site: QueueSite, coordinator: Running) => Promise<void>;

/** The campaign must come through by itself. */
function survives(fault: Fault, options: { durable?: boolean } = {}): FaultKind['inject'] {
  return (trial) => {
    trial.pace = PACE;
    return QueueSite.run(
      trial,
      async (site) => {
        const run = trial.fuzz();
        await trial.moment(run);
        await fault(trial, site, run);
        // 3: there was no Redis when it started.
        await trial.ended(run, { codes: [1, 3], says: /the queue .* cannot be used/ });
      },
      options,
    );
  };
}

const killWorker: Fault = async (trial, site) => {
  const worker = trial.pick(site.workers);
  if (!worker.signal('SIGKILL')) throw new Missed();
  await worker.end;
  await sleep(trial.below(2000));
  site.startWorker();
};

const killRedis: Fault = async (trial, site, run) => {
  site.redis.signal('SIGKILL');
  await site.redis.end;
  if (run.ended) throw new Missed();
  await sleep(trial.below(4000));
  await site.startRedis();
};

const stopWorker: Fault = async (trial, site, run) => {
  const worker = trial.pick(site.workers);
  if (!worker.signal('SIGSTOP')) throw new Missed();
  await run.lives(LOCK_LOST_MS);
  worker.signal('SIGCONT');
};

/** The other worker goes on. */
const endWorker: Fault = async (trial, site) => {
  const worker = trial.pick(site.workers);
  worker.signal('SIGTERM');
  await trial.checked(worker, { codes: [0], signals: ['SIGTERM'] });
};

async function killCoordinator(trial: Trial): Promise<void> {
  trial.pace = PACE;
  await QueueSite.run(trial, async () => {
    const run = trial.fuzz();
    await trial.moment(run);
    if (!run.signal(trial.pick(['SIGKILL', 'SIGINT']))) throw new Missed();
    await run.end;
  });
}

async function cutNetwork(trial: Trial): Promise<void> {
  trial.pace = PACE;
  const namespace = new Namespace();
  try {
    await QueueSite.run(
      trial,
      async () => {
        const run = trial.fuzz();
        await trial.moment(run);
        await namespace.cut(trial.pick([500, 3000, LOCK_LOST_MS]));
        await trial.ended(run, { codes: [1] });
      },
      namespace,
    );
  } finally {
    namespace.remove();
  }
}

export const QUEUES: readonly FaultKind[] = [
  {
    id: 'queue-kill-worker',
    fault: 'queue: kill -9 of a worker; another one is started',
    shows: 'nothing',
    missing: redisMissing,
    inject: survives(killWorker),
  },
  {
    id: 'queue-end-worker',
    fault: 'queue: SIGTERM to a worker',
    shows: 'the worker finishes its shard and ends with exit code 0',
    missing: redisMissing,
    inject: survives(endWorker),
  },
  {
    id: 'queue-stop-worker',
    fault: 'queue: a worker is stopped (SIGSTOP) for longer than its lock, then goes on: a shard is delivered twice',
    shows: 'nothing',
    missing: redisMissing,
    inject: survives(stopWorker),
  },
  {
    id: 'queue-kill-coordinator',
    fault: 'queue: kill -9 of the coordinator, or Ctrl-C',
    shows: 'exit code 130 after Ctrl-C',
    missing: redisMissing,
    inject: killCoordinator,
  },
  {
    id: 'queue-redis-kept',
    fault: 'queue: kill -9 of Redis, restarted with its data (appendonly)',
    shows: 'nothing',
    missing: redisMissing,
    inject: survives(killRedis, { durable: true }),
  },
  {
    id: 'queue-redis-lost',
    fault: 'queue: kill -9 of Redis, restarted with all data lost',
    shows: 'nothing',
    missing: redisMissing,
    inject: survives(killRedis),
  },
  {
    id: 'queue-cut',
    fault: 'queue: the network between a worker and Redis is cut for a while (a network namespace)',
    shows: 'nothing',
    missing: namespaceMissing,
    inject: cutNetwork,
  },
];
