/** Processes of a trial: started in groups of their own, and found again by a mark in their environment. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Environment variable that every process of a trial inherits. */
const MARK = 'MSRDIFF_FAULTS_TRIAL';
/** How long what is left of a trial may take to end by itself, in milliseconds. */
const LINGER_MS = 10_000;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What runs now: it must not outlive the suite. */
const running = new Set<Running>();
process.on('exit', () => {
  for (const one of running) one.signal('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

export class Running {
  readonly pid: number;
  readonly end: Promise<Ended>;
  ended = false;
  stdout = '';
  stderr = '';
  private readonly child: ChildProcess;

  constructor(argv: readonly string[], mark: string, env: Readonly<Record<string, string>> = {}) {
    const [command, ...args] = argv;
    this.child = spawn(command!, args, {
      detached: true,
      env: { ...process.env, ...env, [MARK]: mark },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { child } = this;
    child.stdout!.on('data', (text: Buffer) => (this.stdout += text));
    child.stderr!.on('data', (text: Buffer) => (this.stderr += text));
    this.end = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', () => {
        this.ended = true;
        running.delete(this);
      });
      child.once('close', (code, signal) => resolve({ code, signal, stdout: this.stdout, stderr: this.stderr }));
    });
    this.pid = child.pid ?? 0;
    running.add(this);
  }

  /** False if it had ended before. */
  signal(signal: NodeJS.Signals): boolean {
    return !this.ended && this.child.kill(signal);
  }

  /** As a terminal does for Ctrl-C: to all of the group. */
  signalGroup(signal: NodeJS.Signals): boolean {
    if (this.ended) return false;
    process.kill(-this.pid, signal);
    return true;
  }

  /** Waits, unless it ends first; false then. */
  async lives(milliseconds: number): Promise<boolean> {
    const over = new AbortController();
    const late = sleep(milliseconds, undefined, { signal: over.signal }).catch(() => {});
    // A timer that is left would hold this process for minutes.
    await Promise.race([late, this.end]).finally(() => over.abort());
    return !this.ended;
  }
}

export interface Found {
  readonly pid: number;
  readonly command: string;
}

/** Processes of a trial that are there now, zombies apart. */
export function processesOf(mark: string): Found[] {
  const wanted = `${MARK}=${mark}`;
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      if (!readFileSync(`/proc/${name}/environ`, 'utf8').split('\0').includes(wanted)) return [];
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      return command === '' ? [] : [{ pid: Number(name), command }];
    } catch {
      // It has ended, or is another user's.
      return [];
    }
  });
}

/** Those that do not end by themselves; they are ended. */
export async function orphans(mark: string): Promise<Found[]> {
  const until = performance.now() + LINGER_MS;
  let left = processesOf(mark);
  while (left.length > 0 && performance.now() < until) {
    await sleep(50);
    left = processesOf(mark);
  }
  for (const { pid } of left) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended in the meantime.
    }
  }
  return left;
}
