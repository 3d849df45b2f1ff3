/** Redis and workers of one trial. */
import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { MAIN, onQueue, TWO_BUGS } from './campaign.ts';
import { Running } from './processes.ts';
import type { Trial } from './trial.ts';

/** How long a worker may take to finish the shards at hand, in milliseconds. */
const DRAIN_MS = 90_000;
const WORKERS = 2;

export interface SiteOptions {
  /** Redis keeps what it has over a restart. */
  readonly durable?: boolean;
  /** Where Redis is reached beside 127.0.0.1, by workers in other network namespaces. */
  readonly address?: string;
  /** What the first worker is started by. */
  readonly inside?: readonly string[];
}

export class QueueSite {
  redis!: Running;
  readonly workers: Running[] = [];
  private readonly trial: Trial;
  private readonly options: SiteOptions;
  private readonly port: number;
  private over = false;

  private constructor(trial: Trial, options: SiteOptions, port: number) {
    this.trial = trial;
    this.options = options;
    this.port = port;
  }

  /** The campaign runs on a queue while `work` does, and until it is done; then everything must end when told to. */
  static async run(trial: Trial, work: (site: QueueSite) => Promise<void>, options: SiteOptions = {}): Promise<void> {
    await trial.prepare();
    const site = new QueueSite(trial, options, await freePort());
    trial.alter(onQueue(`redis://127.0.0.1:${site.port}`));
    try {
      await site.startRedis();
      site.startWorker(options.address ?? '127.0.0.1', options.inside);
      for (let n = 1; n < WORKERS; n++) site.startWorker();
      await work(site);
      await trial.finish();
      await site.stopWorkers();
    } finally {
      site.over = true;
      for (const process of [...site.workers, site.redis]) {
        process.signal('SIGCONT');
        process.signal('SIGKILL');
        await process.end;
      }
    }
  }

  async startRedis(): Promise<void> {
    const { durable = false, address } = this.options;
    const keep = durable ? ['--appendonly', 'yes', '--dir', this.trial.folder] : ['--appendonly', 'no'];
    const bind = ['--bind', '127.0.0.1', ...(address ? [address] : []), '--protected-mode', 'no'];
    const argv = ['redis-server', '--port', String(this.port), ...bind, '--save', '', ...keep];
    this.redis = new Running(argv, this.trial.mark);
    while (!this.redis.stdout.includes('Ready to accept connections')) {
      if (!(await this.redis.lives(20))) throw new Error(`redis-server: ${this.redis.stdout}`);
    }
  }

  /** A worker that finds no Redis when it starts ends; as under a service manager, it is started again. */
  startWorker(address = '127.0.0.1', inside: readonly string[] = []): void {
    const what = [
      'worker',
      '--queue',
      `redis://${address}:${this.port}`,
      '--workers',
      '1',
      '--engine-module',
      TWO_BUGS,
    ];
    const worker = new Running([...inside, process.execPath, MAIN, ...what], this.trial.mark);
    this.workers.push(worker);
    void worker.end.then(async ({ code }) => {
      if (code !== 3 || this.over) return;
      await sleep(500);
      if (!this.over) this.startWorker(address, inside);
    });
  }

  /** SIGTERM: they finish what they have begun. */
  private async stopWorkers(): Promise<void> {
    this.over = true;
    for (const worker of this.workers.filter((one) => one.signal('SIGTERM'))) {
      if (await worker.lives(DRAIN_MS)) this.trial.problems.push('a worker does not end by SIGTERM');
      else {
        // Before it listens to signals, one ends it as it ends any process.
        await this.trial.checked(worker, { codes: [0], signals: ['SIGTERM'] });
      }
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Why there can be no queue here. */
export function redisMissing(): string | undefined {
  return spawnSync('redis-server', ['--version']).error ? 'needs redis-server' : undefined;
}

/** Numbers of networks 10.213.n.0/30 that trials of this process have used. */
let networks = 0;

/** A network namespace for workers, joined to this one by a pair of interfaces. */
export class Namespace {
  readonly address: string;
  readonly inside: readonly string[];
  private readonly name: string;
  private readonly link: string;

  constructor() {
    const n = networks++ % 250;
    this.name = `msrdiff-${process.pid}-${n}`;
    this.link = `md${process.pid % 100_000}n${n}`;
    this.address = `10.213.${n}.1`;
    this.inside = ['ip', 'netns', 'exec', this.name];
    ip('netns', 'add', this.name);
    ip('link', 'add', this.link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', this.name);
    ip('addr', 'add', `${this.address}/30`, 'dev', this.link);
    ip('link', 'set', this.link, 'up');
    for (const command of ['addr add 10.213.N.2/30 dev eth0', 'link set eth0 up', 'link set lo up']) {
      ip('-n', this.name, ...command.replace('.N.', `.${n}.`).split(' '));
    }
  }

  async cut(milliseconds: number): Promise<void> {
    ip('link', 'set', this.link, 'down');
    await sleep(milliseconds);
    ip('link', 'set', this.link, 'up');
  }

  remove(): void {
    ip('link', 'del', this.link);
    ip('netns', 'del', this.name);
  }
}

function ip(...args: string[]): void {
  const { status, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}

export function namespaceMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root, to make a network namespace';
  return spawnSync('ip', ['-Version']).error ? 'needs the Debian package iproute2' : redisMissing();
}
