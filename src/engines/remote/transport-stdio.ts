/** A process reached by its standard input and output, in a process group of its own. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { guardGroup } from './group-guard.ts';
import { lastWords } from './last-words.ts';
import type { Launch, Transport, TransportEvents } from './transport.ts';

/** How long output is waited for after the process has ended, in milliseconds: others may hold it open. */
const DRAIN_MS = 200;
/** How much of standard error is kept, in characters: a kernel's panic with its call trace. */
const TAIL = 16_384;

export class StdioTransport implements Transport {
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly events: TransportEvents;
  private readonly release: () => void;
  private stderr = '';
  private over = false;
  /** Resolves the last write. */
  private writable: () => void = () => {};

  constructor({ argv, cwd, env }: Launch, events: TransportEvents) {
    this.events = events;
    const [command, ...args] = argv;
    this.child = spawn(command!, args, {
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...process.env, ...env },
      detached: true,
      stdio: 'pipe',
    });
    const { child } = this;
    this.release = child.pid === undefined ? () => {} : guardGroup(child.pid);
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (child.pid === undefined) this.end(null, null, error.code ?? error.message);
    });
    // EPIPE: that the process is gone is told once, by its end.
    child.stdin.on('error', () => {});
    child.stdin.on('drain', () => this.writable());
    child.stdin.on('close', () => this.writable());
    child.stdout.on('error', () => {});
    child.stderr.on('error', () => {});
    // A copy: what is passed to another thread must not share memory with Node's own buffers.
    child.stdout.on('data', (chunk: Buffer) => events.onData(new Uint8Array(chunk)));
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-TAIL);
    });
    child.on('exit', (code, signal) => {
      // What the process has started goes with it.
      this.kill();
      const late = setTimeout(() => this.end(code, signal), DRAIN_MS);
      child.once('close', () => {
        clearTimeout(late);
        this.end(code, signal);
      });
    });
  }

  write(chunk: Uint8Array): void | Promise<void> {
    const { stdin } = this.child;
    if (this.over || stdin.destroyed || stdin.write(chunk)) return;
    return new Promise((resolve) => {
      this.writable = resolve;
    });
  }

  finish(): void {
    this.child.stdin.end();
  }

  pause(): void {
    this.child.stdout.pause();
  }

  resume(): void {
    this.child.stdout.resume();
  }

  kill(): void {
    if (this.child.pid === undefined) return;
    try {
      process.kill(-this.child.pid, 'SIGKILL');
    } catch {
      // Nobody is left.
    }
  }

  private end(code: number | null, signal: string | null, startError?: string): void {
    if (this.over) return;
    this.over = true;
    this.release();
    this.child.stdin.destroy();
    this.child.stdout.destroy();
    this.child.stderr.destroy();
    this.events.onEnd({
      code,
      signal,
      lastLine: lastWords(this.stderr),
      ...(startError === undefined ? {} : { startError }),
    });
  }
}
