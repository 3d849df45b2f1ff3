/**
 * The bridge: a thread with an event loop that owns an engine's process, because the engine's own thread waits without
 * one. Commands and chunks come by a message port, and go back by it; every message is followed by a step of a counter
 * in shared memory that the other side waits on.
 */
import type { MessagePort } from 'node:worker_threads';
import { openTransport } from './open-transport.ts';
import type { Ended, Launch, Transport } from './transport.ts';

/** Places in the shared Int32Array. */
export const Shared = {
  /** Messages posted by the bridge; waited on. */
  WAKE: 0,
  /** Bytes posted and not received. */
  UNREAD: 1,
  /** 1 while reading is paused. */
  PAUSED: 2,
  LENGTH: 3,
} as const;

/** To the bridge: bytes for the process, or what to do. `start` ends the process that runs, if any, first. */
export type BridgeCommand = Uint8Array | 'start' | 'kill' | 'resume' | 'close';

/** From the bridge; `run` counts the starts. */
export type BridgeMessage =
  | { readonly run: number; readonly data: Uint8Array }
  | { readonly run: number; readonly ended: Ended }
  /** The last message. */
  | { readonly closed: true };

export interface BridgeData {
  readonly launch: Launch;
  readonly port: MessagePort;
  readonly shared: Int32Array;
}

/** Unread bytes at which reading stops: an engine that writes without end must not fill the memory. */
export const MAX_UNREAD = 1 << 25;
/** How long a process may take to end by itself at the end of its input, in milliseconds. */
const GRACE_MS = 2_000;

export class Bridge {
  private readonly launch: Launch;
  private readonly port: MessagePort;
  private readonly shared: Int32Array;
  private readonly outgoing: Uint8Array[] = [];
  private transport: Transport | undefined;
  /** Resolves when the last process is gone. */
  private gone: Promise<void> = Promise.resolve();
  private run = 0;
  private pumping = false;

  constructor({ launch, port, shared }: BridgeData) {
    this.launch = launch;
    this.port = port;
    this.shared = shared;
    port.on('message', (command: BridgeCommand) => this.obey(command));
  }

  private obey(command: BridgeCommand): void {
    if (command instanceof Uint8Array) {
      this.outgoing.push(command);
      void this.pump();
      return;
    }
    switch (command) {
      case 'start':
        void this.start();
        return;
      case 'kill':
        this.transport?.kill();
        return;
      case 'resume':
        this.transport?.resume();
        return;
      case 'close':
        void this.close();
    }
  }

  private async start(): Promise<void> {
    const run = ++this.run;
    this.outgoing.length = 0;
    this.transport?.kill();
    // What is sent from here on is for the next process.
    this.transport = undefined;
    await this.gone;
    if (run !== this.run) return;
    Atomics.store(this.shared, Shared.PAUSED, 0);
    this.gone = new Promise((resolve) => {
      const onEnd = (ended: Ended): void => {
        this.transport = undefined;
        this.post({ run, ended });
        resolve();
      };
      try {
        this.transport = openTransport(this.launch, { onData: (data) => this.deliver(run, data), onEnd });
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        onEnd({ code: null, signal: null, lastLine: '', startError: code ?? message });
      }
    });
    void this.pump();
  }

  private async pump(): Promise<void> {
    if (this.pumping) return;
    this.pumping = true;
    while (this.transport && this.outgoing.length > 0) {
      const ready = this.transport.write(this.outgoing.shift()!);
      if (ready) await ready;
    }
    this.pumping = false;
  }

  private deliver(run: number, data: Uint8Array): void {
    const unread = Atomics.add(this.shared, Shared.UNREAD, data.length) + data.length;
    this.post({ run, data }, [data.buffer as ArrayBuffer]);
    if (unread <= MAX_UNREAD) return;
    Atomics.store(this.shared, Shared.PAUSED, 1);
    this.transport?.pause();
    // The other side may have read everything before it could see that reading is paused.
    if (Atomics.load(this.shared, Shared.UNREAD) <= MAX_UNREAD) this.transport?.resume();
  }

  private post(message: BridgeMessage, transfer: ArrayBuffer[] = []): void {
    this.port.postMessage(message, transfer);
    Atomics.add(this.shared, Shared.WAKE, 1);
    Atomics.notify(this.shared, Shared.WAKE);
  }

  private async close(): Promise<void> {
    // Not another process, if one is about to start.
    this.run++;
    this.transport?.finish();
    const timer = setTimeout(() => this.transport?.kill(), GRACE_MS);
    await this.gone;
    clearTimeout(timer);
    this.post({ closed: true });
    this.port.close();
  }
}
