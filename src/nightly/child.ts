/**
 * The command line as a child process. A step that crashes or hangs takes its own process with it, and nothing else of
 * the night.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { StringDecoder } from 'node:string_decoder';

const LAST_SECONDS = 10;
/** The longest that a timer of Node takes, in milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** Characters of standard error that are kept, the last ones. */
const STDERR_KEPT = 65_536;
/** Characters of standard output that are taken: reports are far smaller. */
const STDOUT_MOST = 64 << 20;

export interface ChildResult {
  /** Null: ended by `signal`. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  /** The end of it. */
  readonly stderr: string;
  readonly seconds: number;
  /** It did not come to an end in its time. */
  readonly overran: boolean;
}

/** Asks the running child to stop, and later ones not to start. */
export class Interruption {
  private child: ChildProcess | undefined;
  private asked = false;

  get requested(): boolean {
    return this.asked;
  }

  get running(): boolean {
    return this.child !== undefined;
  }

  /** The first time the child is told to keep what it has; the second time it is killed. */
  request(): void {
    if (this.asked) kill(this.child, 'SIGKILL');
    else this.child?.kill('SIGINT');
    this.asked = true;
  }

  attach(child: ChildProcess | undefined): void {
    this.child = child;
  }
}

export class Children {
  private readonly main: string;
  private readonly folder: string;
  private readonly interruption: Interruption;
  private readonly lastSeconds: number;

  /**
   * @param main the command line's JavaScript file
   * @param folder in which children run
   * @param lastSeconds between being asked to stop and being killed
   */
  constructor(main: string, folder: string, interruption: Interruption, lastSeconds = LAST_SECONDS) {
    this.lastSeconds = lastSeconds;
    this.main = main;
    this.folder = folder;
    this.interruption = interruption;
  }

  get interrupted(): boolean {
    return this.interruption.requested;
  }

  /** Runs to the end; asked to stop after `limitSeconds`, and killed if that does not help. */
  async run(args: readonly string[], limitSeconds: number): Promise<ChildResult> {
    const started = performance.now();
    // A process group of its own: Ctrl-C in a terminal goes to all of the group, and a second SIGINT means "at once".
    const child = spawn(process.execPath, [this.main, ...args], {
      cwd: this.folder,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.interruption.attach(child);
    let overran = false;
    let last: NodeJS.Timeout | undefined;
    const limit = setTimeout(
      () => {
        overran = true;
        child.kill('SIGINT');
        last = setTimeout(() => kill(child, 'SIGKILL'), this.lastSeconds * 1000);
      },
      Math.min(Math.max(limitSeconds, 1) * 1000, MAX_TIMER_MS),
    );
    const [stdout, stderr] = [collected(child.stdout!, STDOUT_MOST), collected(child.stderr!, STDERR_KEPT)];
    try {
      const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
        child.once('error', reject);
        // Not "close": a grandchild that is left over may hold the pipes.
        child.once('exit', (...end) => setImmediate(() => resolve(end)));
      });
      await Promise.race([Promise.all([stdout.ended, stderr.ended]), new Promise((r) => setTimeout(r, 2000).unref())]);
      const seconds = (performance.now() - started) / 1000;
      return { code, signal, stdout: stdout.text(), stderr: stderr.text(), seconds, overran };
    } finally {
      clearTimeout(limit);
      clearTimeout(last);
      this.interruption.attach(undefined);
      child.stdout!.destroy();
      child.stderr!.destroy();
    }
  }
}

/** With all that it has started. */
function kill(child: ChildProcess | undefined, signal: NodeJS.Signals): void {
  if (child?.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // Gone already, or no groups on this system.
    child.kill(signal);
  }
}

/** The last `most` characters of a stream. */
function collected(stream: NodeJS.ReadableStream, most: number): { text: () => string; ended: Promise<void> } {
  const decoder = new StringDecoder('utf8');
  let kept = '';
  stream.on('data', (chunk: Buffer) => {
    kept += decoder.write(chunk);
    if (kept.length > 2 * most) kept = kept.slice(-most);
  });
  const ended = new Promise<void>((resolve) => stream.once('end', resolve).once('error', () => resolve()));
  return { text: () => kept.slice(-most), ended };
}
