/**
 * Cases on an engine's process: everything that is known is sent ahead, answers are taken in order. A process that
 * fails is replaced, and what it has not answered is asked again.
 */
import type { Incident } from '../contract.ts';
import { EngineUnavailable } from '../engine-unavailable.ts';
import { checkAnswer, decodeError, decodeHello, type Hello } from './answers.ts';
import { Channel } from './channel.ts';
import { describeEnd, endedBySignal, Fault, quote } from './fault.ts';
import { type Frame, FrameReader, FrameWriter, numberFrame } from './frames.ts';
import { ANSWER, ERROR, ProtocolError, Request, requestName } from './protocol.ts';
import type { RemoteCase } from './remote-case.ts';
import { encodeHello } from './requests.ts';
import type { Launch } from './transport.ts';

export interface SessionOptions {
  /** What messages call the engine: `engine command "..."`. */
  readonly label: string;
  readonly launch: Launch;
  /** How long each answer is waited for, in milliseconds. */
  readonly timeoutMs: number;
  /** Called several times a second while one is. */
  readonly onWait: () => void;
}

/** Starts in a row that may fail. */
const MAX_STARTS = 3;
/** Answered requests that the list of those in flight may begin with. */
const COMPACT_AT = 1024;

/** A request that has been sent and not been answered. */
interface Sent {
  readonly number: number;
  readonly type: Request;
  readonly of: RemoteCase;
  /** Which of the case's; -1: CONFIG, on its behalf. */
  readonly question: number;
}

export class Session {
  readonly hello: Hello;
  private readonly options: SessionOptions;
  private readonly channel: Channel;
  private reader = new FrameReader();
  /** Whether the process has said HELLO and not failed since. */
  private up = false;
  private number = 0;
  private inFlight: Sent[] = [];
  /** The oldest in flight. */
  private first = 0;
  /** Cases that are not settled, oldest first. */
  private open: RemoteCase[] = [];
  /** The case whose VM the process has, and the CONFIG frame that it had last. */
  private current: RemoteCase | undefined;
  private configured: Uint8Array | undefined;
  private incidents: Incident[] = [];
  /**
   * How many of the open cases, from the first, are sent one at a time. After a fault: which of the cases in flight is
   * to blame cannot be told, because a process that ends loses the answers that it has not written out.
   */
  private alone = 0;
  /** A fault for which none of those has been found to be to blame. */
  private unexplained: Incident | undefined;
  private unavailable: EngineUnavailable | undefined;

  /** Starts the process. Throws EngineUnavailable. */
  constructor(options: SessionOptions) {
    this.options = options;
    this.channel = Channel.open(options.launch, options.onWait);
    for (let starts = 1; ; starts++) {
      try {
        this.hello = this.greet();
        return;
      } catch (error) {
        this.channel.kill();
        // What does not start is wrong, but not what is killed while it starts.
        if (error instanceof Fault && error.killed && starts < MAX_STARTS) {
          this.channel.restart();
          continue;
        }
        this.channel.close();
        throw this.unavailableFor(error);
      }
    }
  }

  /** Sends what has been added to the case. A new case begins with RESET. */
  submit(added: RemoteCase): void {
    if (this.unavailable) return;
    if (!this.open.includes(added)) this.open.push(added);
    // If another case has had the process since, this one's VM is gone, and it is run again from its start.
    if (this.up && this.alone === 0) this.transmit(added, this.current === added ? added.sent : 0);
  }

  /** The answer to one of a submitted case's questions. Throws Error, one line, if the case has been given up. */
  ask(of: RemoteCase, question: number): Uint8Array {
    for (;;) {
      if (of.failure !== undefined) throw new Error(of.failure);
      const { answer } = of.questions[question]!;
      if (answer) return answer;
      if (!this.up) this.restart();
      try {
        this.takeAnswer();
      } catch (error) {
        this.fail(error);
      }
    }
  }

  takeIncidents(): Incident[] {
    const taken = this.incidents;
    this.incidents = [];
    return taken;
  }

  close(): void {
    this.channel.close();
  }

  private transmit(of: RemoteCase, from: number): void {
    const { configuration, questions } = of;
    const frames: Uint8Array[] = [];
    const start = this.inFlight.length;
    const push = (frame: Uint8Array, type: Request, question: number): void => {
      frames.push(frame);
      this.inFlight.push({ number: this.nextNumber(), type, of, question });
      if (type === Request.CONFIG) this.configured = frame;
    };
    if (configuration && configuration !== this.configured) push(configuration, Request.CONFIG, -1);
    for (let i = from; i < questions.length; i++) push(questions[i]!.frame, questions[i]!.type, i);
    const bytes = new Uint8Array(frames.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const [i, frame] of frames.entries()) {
      bytes.set(frame, at);
      numberFrame(bytes, at, this.inFlight[start + i]!.number);
      at += frame.length;
    }
    of.sent = questions.length;
    this.current = of;
    this.channel.send(bytes);
  }

  private nextNumber(): number {
    this.number = (this.number + 1) >>> 0;
    return this.number;
  }

  /** Takes the answer to the oldest request in flight. Throws Fault or ProtocolError. */
  private takeAnswer(): void {
    const { number, type, of, question } = this.inFlight[this.first]!;
    const frame = this.receive(type, performance.now() + this.options.timeoutMs, this.options.timeoutMs);
    const payload = resultOf(frame, number, type);
    const accesses = question < 0 ? 0 : of.questions[question]!.accesses;
    checkAnswer(type, payload, accesses, this.hello.routes);
    this.first++;
    if (this.first === this.inFlight.length || this.first === COMPACT_AT) {
      this.inFlight = this.inFlight.slice(this.first);
      this.first = 0;
    }
    if (question < 0) return;
    of.accept(question, payload);
    if (of.settled) this.settle(of);
  }

  private settle(of: RemoteCase): void {
    if (!this.open.includes(of)) return;
    this.open = this.open.filter((other) => other !== of);
    this.note(of.takeMended());
    if (this.alone === 0) return;
    this.alone--;
    if (this.alone === 0) {
      this.note(this.unexplained);
      this.unexplained = undefined;
    }
    if (this.up) this.transmitOpen();
  }

  private note(incident: Incident | undefined): void {
    if (incident) this.incidents.push(incident);
  }

  /** Sends what a new process, or the end of a case that ran alone, lets go. */
  private transmitOpen(): void {
    const next = this.alone > 0 ? this.open.slice(0, 1) : this.open;
    for (const of of next) this.transmit(of, 0);
  }

  private receive(type: Request, deadline: number, ms: number): Frame {
    for (;;) {
      const frame = this.reader.next();
      if (frame) return frame;
      const received = this.channel.receive(deadline);
      if (received === undefined) throw new Fault('hung', `no answer to ${requestName(type)} within ${ms / 1000} s`);
      if (!(received instanceof Uint8Array)) {
        throw new Fault('died', describeEnd(received), endedBySignal(received));
      }
      this.reader.feed(received);
    }
  }

  private fail(error: unknown): void {
    const fault = faultOf(error);
    const { of } = this.inFlight[this.first]!;
    this.up = false;
    this.channel.kill();
    const incident: Incident = { kind: fault.kind, message: fault.message };
    if (this.open[0] === of && (this.alone > 0 || this.open.length === 1)) {
      of.blame(incident);
      this.unexplained = undefined;
    } else this.unexplained = incident;
    if (this.alone === 0) this.alone = this.open.length;
    if (of.settled) this.settle(of);
  }

  /** Another process, asked everything that has not been answered. Throws EngineUnavailable. */
  private restart(): void {
    if (this.unavailable) throw this.unavailable;
    for (let starts = 1; !this.up; starts++) {
      this.channel.restart();
      try {
        const { name } = this.greet();
        if (name === this.hello.name) break;
        this.up = false;
        throw new EngineUnavailable(`${this.options.label} is called "${name}" after a restart`);
      } catch (error) {
        this.channel.kill();
        const unavailable = this.unavailableFor(error);
        if (starts < MAX_STARTS) continue;
        this.unavailable = unavailable;
        throw unavailable;
      }
    }
    this.transmitOpen();
  }

  /** Says HELLO to a process that has just been started. Throws Fault or ProtocolError. */
  private greet(): Hello {
    this.reader = new FrameReader();
    this.inFlight = [];
    this.first = 0;
    this.current = undefined;
    this.configured = undefined;
    this.number = 0;
    const writer = new FrameWriter();
    encodeHello(writer);
    const frame = writer.take();
    numberFrame(frame, 0, this.nextNumber());
    this.channel.send(frame);
    const { startMs } = this.options.launch;
    const answer = this.receive(Request.HELLO, performance.now() + startMs, startMs);
    const hello = decodeHello(resultOf(answer, this.number, Request.HELLO));
    this.up = true;
    return hello;
  }

  /** What a start that failed so means. */
  private unavailableFor(error: unknown): EngineUnavailable {
    if (error instanceof EngineUnavailable) return error;
    const { kind, message } = faultOf(error);
    const mend = kind === 'died' ? 'check the command' : 'see docs/engine-protocol.md';
    return new EngineUnavailable(`${this.options.label}: ${message} (${mend})`);
  }
}

/** The payload, if the frame is the answer to the request. */
function resultOf({ number, type, payload }: Frame, request: number, asked: Request): Uint8Array {
  const name = requestName(asked);
  if (number !== request) {
    const by = number > request ? `${number - request} too high` : `${request - number} too low`;
    throw new Fault('out-of-turn', `answered ${name} with the number of another request (${by})`);
  }
  if (type === ERROR) throw new Fault('error', `refused ${name}: ${quote(decodeError(payload))}`);
  if (type !== (asked | ANSWER)) {
    const expected = (asked | ANSWER).toString(16);
    throw new Fault('out-of-turn', `answered ${name} with type 0x${type.toString(16)} (0x${expected} expected)`);
  }
  return payload;
}

/** Anything else that was thrown is a fault of msrdiff. */
function faultOf(error: unknown): Fault {
  if (error instanceof Fault) return error;
  if (error instanceof ProtocolError) return new Fault('garbage', error.message);
  throw error;
}
