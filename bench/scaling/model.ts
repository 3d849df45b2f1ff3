/**
 * A campaign on a queue as a discrete-event model: a coordinator and a Redis that do one thing at a time, workers of one
 * thread each, a window of shards, and a network. What the parts take is measured by `npm run queue-bench`; see
 * docs/scaling.md for what is left out.
 */
import { Random } from '../../src/fuzz/random.ts';
import { Clock, Server } from './events.ts';

export interface Model {
  /** Worker threads; each is a process of its own, as far as polling is concerned, unless `threadsPerWorker` says otherwise. */
  readonly threads: number;
  readonly threadsPerWorker: number;
  readonly ahead: number;
  /** Of a worker thread for a shard: median in seconds, and standard deviation of its logarithm (log-normal). */
  readonly shardSeconds: number;
  readonly shardSpread: number;
  /** Seconds of the processor for a shard. */
  readonly coordinator: number;
  readonly redis: number;
  /** Of the main thread of a worker process. */
  readonly worker: number;
  /** All simulated workers of a bench share one process. */
  readonly oneProcess?: boolean;
  /** One way, in seconds. */
  readonly latency: number;
  /** Commands a second of a worker process that has nothing to do with shards, and seconds of Redis for one. */
  readonly pollsPerSecond: number;
  readonly pollSeconds: number;
  /** Seconds of the coordinator for what one worker says of itself, and how often it reads that of all, per second. */
  readonly statementSeconds: number;
  readonly statementsPerSecond: number;
  /** Simulated seconds; the second half is measured. */
  readonly seconds: number;
  readonly seed: number;
}

export interface Outcome {
  readonly perSecond: number;
  /** Shares of time, 0-1. */
  readonly coordinatorBusy: number;
  readonly redisBusy: number;
  readonly threadsBusy: number;
  /** Mean seconds from the handing out of a shard to its fold. */
  readonly latency: number;
  /** Most shards in flight, and most results that waited for one before them. */
  readonly inFlight: number;
  readonly waiting: number;
}

/** Parts of Redis's time for a shard: the job is added, its result is pushed, it is finished and the next one fetched, and
 * the result is read; by what BullMQ's scripts do in each. */
const ADD = 0.25;
const PUSH = 0.1;
const FINISH = 0.55;
const READ = 0.1;
/** Of the coordinator's time, the part before the job is in Redis. */
const HAND = 0.35;
/** Polls of all workers come together in so many packets a second. */
const POLL_PACKETS = 50;

class Campaign {
  readonly clock = new Clock();
  private readonly model: Model;
  private readonly coordinator = new Server(this.clock);
  private readonly redis = new Server(this.clock);
  private readonly process = new Server(this.clock);
  private readonly random: Random;
  private next = 0;
  private folded = 0;
  private readonly arrived = new Set<number>();
  private readonly handedAt = new Map<number, number>();
  private waitingJobs: number[] = [];
  private taken = 0;
  private idle: number;
  private measuring = false;
  private shardsBefore = 0;
  private latencies = 0;
  private inFlight = 0;
  private waiting = 0;
  private threadSeconds = 0;

  constructor(model: Model) {
    this.model = model;
    this.idle = model.threads;
    this.random = new Random(model.seed, 0x5ca1e);
  }

  run(): Outcome {
    const { model, clock, coordinator, redis } = this;
    this.polls();
    this.hand();
    clock.runUntil(model.seconds / 2);
    const busy = { coordinator: coordinator.busy - coordinator.backlog, redis: redis.busy - redis.backlog };
    this.measuring = true;
    this.shardsBefore = this.folded;
    clock.runUntil(model.seconds);
    const half = model.seconds / 2;
    const shards = this.folded - this.shardsBefore;
    return {
      perSecond: shards / half,
      coordinatorBusy: (coordinator.busy - coordinator.backlog - busy.coordinator) / half,
      redisBusy: (redis.busy - redis.backlog - busy.redis) / half,
      threadsBusy: this.threadSeconds / half / model.threads,
      latency: this.latencies / Math.max(1, shards),
      inFlight: this.inFlight,
      waiting: this.waiting,
    };
  }

  /** As Campaign.run of src/fuzz/campaign.ts. */
  private hand(): void {
    const { model, clock } = this;
    const before = (shard: number): number => Math.max(shard - model.ahead, Math.floor((shard - 1) / 2));
    while (this.next < this.folded + model.ahead && before(this.next) < this.folded) {
      const shard = this.next++;
      this.handedAt.set(shard, clock.now);
      this.inFlight = Math.max(this.inFlight, this.handedAt.size);
      this.coordinator.serve(model.coordinator * HAND, () =>
        clock.in(model.latency, () => this.redis.serve(model.redis * ADD, () => this.add(shard))),
      );
    }
  }

  private add(shard: number): void {
    this.waitingJobs.push(shard);
    if (this.idle === 0) return;
    this.idle--;
    // One that waits is told, and then fetches.
    const { clock, model } = this;
    clock.in(2 * model.latency, () => this.redis.serve(model.redis * FINISH * 0.5, () => this.fetch()));
  }

  /** At Redis: a thread gets the next job, or waits. */
  private fetch(): void {
    if (this.taken === this.waitingJobs.length) {
      this.idle++;
      return;
    }
    const shard = this.waitingJobs[this.taken++]!;
    if (this.taken > 4096) {
      this.waitingJobs = this.waitingJobs.slice(this.taken);
      this.taken = 0;
    }
    this.clock.in(this.model.latency, () => this.work(shard));
  }

  private work(shard: number): void {
    const { model, clock } = this;
    const seconds = model.shardSeconds * Math.exp(model.shardSpread * this.normal());
    const sent = (): void => this.finish(shard);
    if (this.measuring) this.threadSeconds += Math.min(seconds, model.seconds - clock.now);
    clock.in(seconds, () => {
      if (model.oneProcess) this.process.serve(model.worker, sent);
      else clock.in(model.worker, sent);
    });
  }

  /** The result is pushed; when that is confirmed, the job is finished and the next one fetched with one command. */
  private finish(shard: number): void {
    const { model, clock, redis } = this;
    clock.in(model.latency, () =>
      redis.serve(model.redis * PUSH, () => {
        redis.serve(model.redis * READ, () => clock.in(model.latency, () => this.receive(shard)));
        clock.in(2 * model.latency, () => redis.serve(model.redis * FINISH, () => this.fetch()));
      }),
    );
  }

  private receive(shard: number): void {
    this.coordinator.serve(this.model.coordinator * (1 - HAND), () => {
      this.arrived.add(shard);
      while (this.arrived.delete(this.folded)) {
        if (this.measuring) this.latencies += this.clock.now - this.handedAt.get(this.folded)!;
        this.handedAt.delete(this.folded++);
      }
      this.waiting = Math.max(this.waiting, this.arrived.size);
      this.hand();
    });
  }

  private polls(): void {
    const { clock, model } = this;
    const workers = model.threads / model.threadsPerWorker;
    const perPacket = (workers * model.pollsPerSecond * model.pollSeconds) / POLL_PACKETS;
    const packet = (): void => {
      // A Redis that is behind answers later, and is asked later again.
      if (this.redis.backlog < 1) this.redis.serve(perPacket, () => {});
      clock.in(1 / POLL_PACKETS, packet);
    };
    packet();
    const look = (): void => {
      this.coordinator.serve(workers * model.statementSeconds, () => {});
      clock.in(1 / model.statementsPerSecond, look);
    };
    look();
  }

  /** Standard normal, by Box and Muller. */
  private normal(): number {
    const uniform = (): number => (this.random.u32() + 0.5) / 2 ** 32;
    return Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  }
}

export function simulate(model: Model): Outcome {
  return new Campaign(model).run();
}
