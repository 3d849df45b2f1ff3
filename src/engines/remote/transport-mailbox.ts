/**
 * A machine that Bochs emulates, reached by a mailbox: bytes go by a disk image that both sides read and write, and the
 * machine rings by its printer port, which is a pipe here. While nothing is asked of the machine the pipe is not read:
 * it fills up, and Bochs sleeps instead of using a processor.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTemporaryFolder } from '../kernel/temporary-folder.ts';
import { guardGroup } from './group-guard.ts';
import { lastWords } from './last-words.ts';
import { Bell, MAX_CHUNK, Mailbox } from './mailbox.ts';
import type { Launch, MailboxMachine, Transport, TransportEvents } from './transport.ts';

/** How much of standard error is kept, in characters. */
const TAIL = 4096;
/** How Bochs reports that the guest has powered itself off. */
const SHUTDOWN = /shutdown requested/;
const RESET = 'the machine was reset: its kernel has panicked, or a triple fault';

export class MailboxTransport implements Transport {
  private readonly machine: MailboxMachine;
  private readonly events: TransportEvents;
  private readonly folder: string;
  private readonly mailbox: Mailbox;
  private readonly bells: Socket;
  /** A writer's end of the pipe, without which it would seem to end before Bochs has opened it. */
  private readonly holder: number;
  private readonly child: ChildProcess;
  private readonly release: () => void;
  private readonly queue: Uint8Array[] = [];
  private queued = 0;
  /** A chunk is in the mailbox and not taken. */
  private waiting = false;
  private booted = false;
  private ready = false;
  private finishing = false;
  private paused = false;
  private over = false;
  /** What is wrong with the machine, if not its process. */
  private complaint: string | undefined;
  private startError: string | undefined;
  private stderr = '';
  private exit: { code: number | null; signal: string | null } | undefined;
  /** Resolves the last write. */
  private writable: (() => void) | undefined;

  constructor({ argv, env }: Launch, machine: MailboxMachine, events: TransportEvents) {
    this.machine = machine;
    this.events = events;
    this.folder = createTemporaryFolder(tmpdir(), 'bochs');
    try {
      for (const [name, text] of Object.entries(machine.files)) writeFileSync(join(this.folder, name), text);
      for (const [name, path] of Object.entries(machine.links)) symlinkSync(path, join(this.folder, name));
      this.mailbox = new Mailbox(join(this.folder, machine.mailbox));
      const pipe = join(this.folder, machine.printer);
      const made = spawnSync('mkfifo', ['-m', '600', pipe]);
      if (made.status !== 0) throw made.error ?? new Error('mkfifo failed');
      // Not waiting for Bochs to open its end.
      const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
      this.holder = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
      this.bells = new Socket({ fd: reader, readable: true, writable: false });
    } catch (error) {
      rmSync(this.folder, { recursive: true, force: true });
      throw error;
    }
    this.bells.on('data', (bytes: Buffer) => this.listen(bytes));
    this.bells.on('error', () => {});
    this.bells.on('close', () => this.end());
    const [command, ...args] = argv;
    this.child = spawn(command!, args, {
      cwd: this.folder,
      env: { ...process.env, ...env },
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.release = this.child.pid === undefined ? () => {} : guardGroup(this.child.pid);
    this.watchChild();
  }

  private watchChild(): void {
    const { child } = this;
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (child.pid !== undefined) return;
      this.startError = error.code ?? error.message;
      closeSync(this.holder);
      this.bells.resume();
    });
    child.stderr!.setEncoding('utf8');
    child.stderr!.on('error', () => {});
    child.stderr!.on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-TAIL);
    });
    child.on('exit', (code, signal) => {
      // What the process has started goes with it.
      this.kill();
      this.exit = { code, signal };
      // The pipe ends after the last bell.
      closeSync(this.holder);
      this.bells.resume();
    });
  }

  write(chunk: Uint8Array): void | Promise<void> {
    if (this.over || chunk.length === 0) return;
    this.queue.push(chunk);
    this.queued += chunk.length;
    this.publish();
    if (this.queued <= MAX_CHUNK) return;
    return new Promise((resolve) => {
      this.writable = resolve;
    });
  }

  finish(): void {
    this.finishing = true;
    this.publish();
  }

  pause(): void {
    this.paused = true;
    this.bells.pause();
  }

  resume(): void {
    this.paused = false;
    this.bells.resume();
  }

  kill(): void {
    if (this.child.pid === undefined) return;
    try {
      process.kill(-this.child.pid, 'SIGKILL');
    } catch {
      // Nobody is left.
    }
  }

  /** Puts what is queued into the mailbox, if that is free. */
  private publish(): void {
    if (!this.ready || this.waiting || this.over) return;
    if (this.queued === 0) {
      if (!this.finishing) return;
      this.mailbox.end();
    } else {
      const all = this.queue.length === 1 ? this.queue[0]! : Buffer.concat(this.queue);
      this.queue.length = 0;
      if (all.length > MAX_CHUNK) this.queue.push(all.subarray(MAX_CHUNK));
      this.queued = Math.max(0, all.length - MAX_CHUNK);
      this.mailbox.publish(all.subarray(0, MAX_CHUNK));
    }
    this.waiting = true;
    if (!this.paused) this.bells.resume();
    if (this.queued <= MAX_CHUNK) {
      this.writable?.();
      this.writable = undefined;
    }
  }

  private listen(bells: Buffer): void {
    let idle = false;
    for (const bell of bells) {
      idle = bell === Bell.IDLE;
      if (!idle) this.answer(bell);
      if (this.complaint !== undefined) return;
    }
    if (idle && !this.waiting && this.queued === 0 && !this.exit) this.bells.pause();
  }

  private answer(bell: number): void {
    switch (bell) {
      case Bell.BOOT:
        if (this.booted) this.fail(lastWords(this.read(this.machine.console)) || RESET);
        this.booted = true;
        break;
      case Bell.READY:
        this.ready = true;
        this.publish();
        break;
      case Bell.TAKEN:
        this.waiting = false;
        this.publish();
        break;
      case Bell.SLOT: {
        const bytes = this.mailbox.takeSlot();
        if (bytes) this.events.onData(bytes);
        else this.fail('bytes from the machine fail their checksum');
        break;
      }
      case Bell.BROKEN:
        this.fail('bytes for the machine fail their checksum');
        break;
      default:
        this.fail(`the machine has printed the byte ${bell}`);
    }
  }

  private fail(message: string): void {
    this.complaint = message;
    this.kill();
  }

  private end(): void {
    if (this.over) return;
    this.over = true;
    this.release();
    this.child.stderr!.destroy();
    this.mailbox.close();
    const lastLine = this.complaint ?? this.reason();
    rmSync(this.folder, { recursive: true, force: true });
    this.writable?.();
    const { code, signal } = this.exit ?? { code: null, signal: null };
    const { startError } = this;
    this.events.onEnd({ code, signal, lastLine, ...(startError === undefined ? {} : { startError }) });
  }

  /** Why the emulator ended: its own panic, the kernel's, a reset (which ends a Bochs with debugger), or else. */
  private reason(): string {
    const { messages, console } = this.machine;
    const panic = /.*>>PANIC<< (.*)/.exec(this.read(messages))?.[1];
    if (panic !== undefined && !SHUTDOWN.test(panic)) return `Bochs: ${panic}`;
    const words = lastWords(this.read(console));
    if (panic !== undefined || this.ready) return words || (this.exit?.signal ? '' : (panic ?? RESET));
    // Complaints about the configuration come before anything is logged.
    return this.stderr.split('\n').findLast((line) => line.startsWith('[')) ?? lastWords(this.stderr);
  }

  private read(name: string): string {
    try {
      return readFileSync(join(this.folder, name), 'utf8');
    } catch {
      // It has not come that far.
      return '';
    }
  }
}
