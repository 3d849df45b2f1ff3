/** A process of the built command, watched from outside by /proc (proc(5)); its heap by what it says itself. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, readdirSync, readFileSync, statSync } from 'node:fs';
import { CASES_PER_SHARD } from '../../src/fuzz/campaign.ts';
import { Store } from '../../src/store/store.ts';
import type { Sample } from './measures.ts';

const MAIN = new URL('../../src/cli/main.js', import.meta.url).pathname;
const HEAP_EVERY_MS = 2000;
/** Loaded by worker threads too, which say nothing: what they have is in the resident set. */
const TELL_HEAP = `import { isMainThread } from 'node:worker_threads';
if (isMainThread) {
  setInterval(() => process.send?.(process.memoryUsage().heapUsed), ${HEAP_EVERY_MS}).unref();
  // Whoever watches has died.
  process.on('disconnect', () => process.kill(process.pid, 'SIGINT'));
  process.channel?.unref();
}`;

const MIB = 2 ** 20;

function sizeMiB(path: string): number {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) / MIB;
}

/** Resident memory, threads and handles; undefined once the process has ended. */
function processState(pid: number): Pick<Sample, 'rss' | 'threads' | 'handles'> | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)![1]);
    return { rss: field('VmRSS') / 1024, threads: field('Threads'), handles: readdirSync(`/proc/${pid}/fd`).length };
  } catch {
    // A zombie has no memory any more.
    return undefined;
  }
}

export interface Watched {
  readonly name: string;
  readonly child: ChildProcess;
  readonly samples: Sample[];
  /** Exit code, once it has ended. */
  readonly ended: Promise<number | null>;
  sample(): Promise<void>;
}

/** Starts `msrdiff ARGS`. `database`: of the campaign that it runs, to be sampled with it. `log`: for its output. */
export function watch(name: string, args: readonly string[], log: string, database?: string): Watched {
  const child = spawn(
    process.execPath,
    [`--import=data:text/javascript,${encodeURIComponent(TELL_HEAP)}`, MAIN, ...args],
    { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], detached: true },
  );
  const file = createWriteStream(log);
  child.stdout!.pipe(file, { end: false });
  child.stderr!.pipe(file, { end: false });
  let heap: number | undefined;
  child.on('message', (bytes) => {
    heap = Number(bytes) / MIB;
  });
  const begun = Date.now();
  const samples: Sample[] = [];
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve)).finally(() => file.end());
  const sample = async (): Promise<void> => {
    const state = processState(child.pid!);
    if (!state) return;
    samples.push({
      seconds: (Date.now() - begun) / 1000,
      ...state,
      ...(heap === undefined ? {} : { heap }),
      ...(database === undefined ? {} : { database: sizeMiB(database), wal: sizeMiB(`${database}-wal`) }),
      ...(database === undefined ? {} : await committed(database)),
    });
  };
  return { name, child, samples, ended, sample };
}

/** Shards and accesses that the database has. A reader that comes and goes, as a user's `msrdiff list` does. */
async function committed(database: string): Promise<Pick<Sample, 'shards' | 'accesses'>> {
  try {
    const store = await Store.open(database, { readOnly: true });
    try {
      const campaign = (await store.campaigns()).at(-1);
      return campaign ? { shards: Math.ceil(campaign.cases / CASES_PER_SHARD), accesses: campaign.accesses } : {};
    } finally {
      await store.close();
    }
  } catch {
    // Not made yet.
    return {};
  }
}
