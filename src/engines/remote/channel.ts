/**
 * A process, as seen from a thread that must not return to its event loop: bytes are sent and waited for with
 * `Atomics.wait`, while the bridge's thread reads and writes.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { workerFile } from '../worker-file.ts';
import { type BridgeCommand, type BridgeData, type BridgeMessage, MAX_UNREAD, Shared } from './bridge.ts';
import type { Ended, Launch } from './transport.ts';

/** How often `onWait` is called during waits, in milliseconds. */
const SLICE_MS = 50;
/** How long `close` waits: longer than the bridge gives the process. */
const CLOSE_MS = 3_000;

export class Channel {
  private readonly port: MessagePort;
  private readonly shared = new Int32Array(new SharedArrayBuffer(4 * Shared.LENGTH));
  private readonly onWait: () => void;
  /** Starts so far: what an earlier process has sent is dropped. */
  private run = 0;
  private lastBeat = performance.now();

  /** Starts the process. `onWait` is called several times a second while something is waited for. */
  static open(launch: Launch, onWait: () => void = () => {}): Channel {
    const channel = new Channel(launch, onWait);
    channel.restart();
    return channel;
  }

  private constructor(launch: Launch, onWait: () => void) {
    this.onWait = onWait;
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    const data: BridgeData = { launch, port: port2, shared: this.shared };
    const worker = new Worker(workerFile('channel-worker.js'), {
      workerData: data,
      transferList: [port2],
      execArgv: [],
      stdin: false,
      // At its end the thread would close a pipe that a socket has closed long before: another file by then.
      trackUnmanagedFds: false,
    });
    // Neither keeps msrdiff running; the thread ends with the one that made it.
    worker.unref();
    port1.unref();
  }

  /** Ends the process, if it runs, and starts it again. */
  restart(): void {
    this.run++;
    this.command('start');
  }

  /** Takes the memory over. What is sent to a process that has ended is lost. */
  send(bytes: Uint8Array): void {
    this.command(bytes, [bytes.buffer as ArrayBuffer]);
  }

  /** Waits until `deadline` (as performance.now() counts) for bytes, or for the process's end; undefined: neither. */
  receive(deadline: number): Uint8Array | Ended | undefined {
    for (;;) {
      const message = this.next(deadline);
      if (message === undefined || 'closed' in message) return undefined;
      if (message.run === this.run) return 'data' in message ? message.data : message.ended;
    }
  }

  /** Ends the process at once. `receive` tells when it is gone. */
  kill(): void {
    this.command('kill');
  }

  /** Ends the input of the process, and what is left of it after 2 seconds; returns when it is gone. */
  close(): void {
    this.command('close');
    const deadline = performance.now() + CLOSE_MS;
    for (let message = this.next(deadline); message && !('closed' in message); ) message = this.next(deadline);
    this.port.close();
  }

  private command(command: BridgeCommand, transfer: ArrayBuffer[] = []): void {
    this.port.postMessage(command, transfer);
  }

  private next(deadline: number): BridgeMessage | undefined {
    for (;;) {
      // Read before the port is looked at: a message that comes afterwards changes it, and the wait ends at once.
      const seen = Atomics.load(this.shared, Shared.WAKE);
      const received = receiveMessageOnPort(this.port);
      if (received) return this.taken(received.message as BridgeMessage);
      const now = performance.now();
      if (now >= deadline) return undefined;
      if (now - this.lastBeat >= SLICE_MS) {
        this.lastBeat = now;
        this.onWait();
      }
      Atomics.wait(this.shared, Shared.WAKE, seen, Math.min(deadline - now, SLICE_MS));
    }
  }

  private taken(message: BridgeMessage): BridgeMessage {
    if ('data' in message) {
      const { length } = message.data;
      const unread = Atomics.sub(this.shared, Shared.UNREAD, length) - length;
      const paused = unread <= MAX_UNREAD / 2 && Atomics.exchange(this.shared, Shared.PAUSED, 0) === 1;
      if (paused) this.command('resume');
    }
    return message;
  }
}

/** Compiled: beside this module's own compiled form, or, if this is the source, in what was built from it. */
