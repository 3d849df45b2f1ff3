/** How bytes get to an engine's process and back. A transport lives in the bridge's thread and owns one process. */

/** An emulator that is reached by a mailbox, in a folder of its own where it is started: plain data. */
export interface MailboxMachine {
  readonly kind: 'mailbox';
  /** What is put into the folder: texts by name, and links to paths by name. */
  readonly files: Readonly<Record<string, string>>;
  readonly links: Readonly<Record<string, string>>;
  /** Names there: of the disk image that is the mailbox, and of the pipe that is the printer. */
  readonly mailbox: string;
  readonly printer: string;
  /** Of the files with the emulator's messages, and with the console of what runs in it. */
  readonly messages: string;
  readonly console: string;
}

/** How a process is started and reached: plain data. */
export interface Launch {
  /** Program and arguments. */
  readonly argv: readonly string[];
  /** Default: that of msrdiff. */
  readonly cwd?: string;
  /** On top of msrdiff's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly transport: 'stdio' | MailboxMachine;
  /** How long it may take from its start to its HELLO, in milliseconds. */
  readonly startMs: number;
}

/** Why no more bytes come. */
export interface Ended {
  /** Exit code, unless a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  /** Last line that it wrote to standard error, or a better one (last-words.ts); '' if none. */
  readonly lastLine: string;
  /** Why it did not even start: the code of a system error. */
  readonly startError?: string;
}

export interface TransportEvents {
  /** The chunk is the receiver's. */
  readonly onData: (chunk: Uint8Array) => void;
  /** Called once, last, when the process is gone. */
  readonly onEnd: (ended: Ended) => void;
}

export interface Transport {
  /** Takes bytes over; the promise resolves when it is ready for more, at the latest when the process has ended. */
  write(chunk: Uint8Array): void | Promise<void>;
  /** No more bytes will be written: the process is to end by itself. */
  finish(): void;
  /** Stops and goes on reading. */
  pause(): void;
  resume(): void;
  /** Ends the process and all that it has started, at once. */
  kill(): void;
}
