/** What one VM is asked from one reset to the next. It is kept, so that it can be asked again of another process. */
import type { Incident } from '../contract.ts';
import { HEADER_BYTES, Request, requestName } from './protocol.ts';

/** One request, and its answer once that is there. */
export interface Question {
  readonly type: Request;
  /** Header and payload; the number is filled in where it is sent. */
  readonly frame: Uint8Array;
  /** Accesses that it asks for, which is what the answer's length depends on. */
  readonly accesses: number;
  /** Payload. */
  answer: Uint8Array | undefined;
}

/** Answers that need not be the same the next time. */
const VARIABLE: ReadonlySet<Request> = new Set([Request.STATS, Request.RACE, Request.RUN]);

export class RemoteCase {
  /** The CONFIG frame that must have been the last one when this runs; undefined: any. */
  readonly configuration: Uint8Array | undefined;
  readonly questions: Question[] = [];
  /** How many of them the process has been sent since it last ran the first. */
  sent = 0;
  /** Why it has been given up, one line. */
  failure: string | undefined;
  private answered = 0;
  /** The fault after which it is tried once more. */
  private incident: Incident | undefined;

  constructor(configuration: Uint8Array | undefined) {
    this.configuration = configuration;
  }

  /** Adds the requests of whole frames in a row; `accesses` are those of ACCESS and RACE, in order. */
  add(frames: Uint8Array, accesses: readonly number[]): void {
    const view = new DataView(frames.buffer, frames.byteOffset, frames.byteLength);
    let batch = 0;
    for (let at = 0; at < frames.length; ) {
      const end = at + HEADER_BYTES + view.getUint32(at, true);
      const type = frames[at + 8] as Request;
      const counted = type === Request.ACCESS || type === Request.RACE;
      const question = { type, frame: frames.subarray(at, end), accesses: counted ? accesses[batch++]! : 0 };
      this.questions.push({ ...question, answer: undefined });
      at = end;
    }
  }

  get settled(): boolean {
    return this.failure !== undefined || this.answered === this.questions.length;
  }

  /** Takes an answer that is well formed. */
  accept(number: number, answer: Uint8Array): void {
    const question = this.questions[number]!;
    if (question.answer === undefined) {
      question.answer = answer;
      this.answered++;
    } else if (!VARIABLE.has(question.type) && Buffer.compare(question.answer, answer) !== 0) {
      this.failure ??= `answered ${requestName(question.type)} differently after a restart`;
    }
  }

  /** Notes a fault of the process while it ran this case and no other. The second one is the end of the case. */
  blame(incident: Incident): void {
    if (this.incident) this.failure ??= incident.message;
    this.incident = incident;
  }

  /** The fault that did not happen again; of a case that is settled, once. */
  takeMended(): Incident | undefined {
    const mended = this.failure === undefined ? this.incident : undefined;
    if (mended) this.incident = undefined;
    return mended;
  }
}
