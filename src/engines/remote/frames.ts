/** Frames: bytes with a header of 12 bytes in front. Numbers are little-endian, as on every machine that runs Node. */
import { HEADER_BYTES, MAX_PAYLOAD, ProtocolError, type Request, requestName } from './protocol.ts';

/** One frame as received. The payload is a view of received memory that nothing else writes to. */
export interface Frame {
  readonly number: number;
  readonly type: number;
  readonly payload: Uint8Array;
}

/** Puts a stream's chunks together to frames. */
export class FrameReader {
  private chunks: Uint8Array[] = [];
  private available = 0;

  /** The chunk must not be written to afterwards. */
  feed(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.chunks.push(chunk);
    this.available += chunk.length;
  }

  /** The next whole frame, or undefined until more has been fed. Throws ProtocolError, and then is of no more use. */
  next(): Frame | undefined {
    if (this.available < HEADER_BYTES) return undefined;
    if (this.chunks[0]!.length < HEADER_BYTES) this.join();
    const length = readU32(this.chunks[0]!, 0);
    if (length > MAX_PAYLOAD) throw new ProtocolError(this.complaint(length));
    if (this.available < HEADER_BYTES + length) return undefined;
    if (this.chunks[0]!.length < HEADER_BYTES + length) this.join();
    const bytes = this.chunks[0]!;
    if (bytes[9] !== 0 || bytes[10] !== 0 || bytes[11] !== 0) {
      throw new ProtocolError('sent a frame whose bytes 9 to 11 are not 0');
    }
    const end = HEADER_BYTES + length;
    if (end === bytes.length) this.chunks.shift();
    else this.chunks[0] = bytes.subarray(end);
    this.available -= end;
    return { number: readU32(bytes, 4), type: bytes[8]!, payload: bytes.subarray(HEADER_BYTES, end) };
  }

  private join(): void {
    const whole = new Uint8Array(this.available);
    let at = 0;
    for (const chunk of this.chunks) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    this.chunks = [whole];
  }

  /** A length that is four letters is a program that prints to standard output. */
  private complaint(length: number): string {
    const start = Buffer.from(this.chunks[0]!.subarray(0, HEADER_BYTES)).toString('latin1');
    if (/^[\t\n\r -~]+$/.test(start)) return `sent text (${JSON.stringify(start)}...) instead of a frame`;
    return `sent a frame of ${length} bytes (at most ${MAX_PAYLOAD})`;
  }
}

export function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** Writes the number of its request into the frame that begins at `at`. */
export function numberFrame(bytes: Uint8Array, at: number, number: number): void {
  bytes[at + 4] = number;
  bytes[at + 5] = number >>> 8;
  bytes[at + 6] = number >>> 16;
  bytes[at + 7] = number >>> 24;
}

const FIRST_CAPACITY = 1 << 16;

/** Builds frames one after the other in memory that is used again. Their numbers are 0 until they are sent. */
export class FrameWriter {
  private bytes = new Uint8Array(FIRST_CAPACITY);
  private view = new DataView(this.bytes.buffer);
  private length = 0;
  private start = 0;

  open(type: Request): this {
    this.start = this.length;
    return this.u32(0).u32(0).u32(type);
  }

  /** Ends the frame. Throws RangeError if it is longer than the protocol allows. */
  close(): void {
    const payload = this.length - this.start - HEADER_BYTES;
    if (payload > MAX_PAYLOAD) {
      const type = this.bytes[this.start + 8] as Request;
      this.length = this.start;
      throw new RangeError(`a ${requestName(type)} request of ${payload} bytes is too long (at most ${MAX_PAYLOAD})`);
    }
    this.view.setUint32(this.start, payload, true);
  }

  u8(value: number): this {
    this.reserve(1);
    this.bytes[this.length++] = value;
    return this;
  }

  u16(value: number): this {
    this.reserve(2);
    this.view.setUint16(this.length, value, true);
    this.length += 2;
    return this;
  }

  u32(value: number): this {
    this.reserve(4);
    this.view.setUint32(this.length, value, true);
    this.length += 4;
    return this;
  }

  u64(value: bigint): this {
    this.reserve(8);
    this.view.setBigUint64(this.length, value, true);
    this.length += 8;
    return this;
  }

  /** The memory of any typed array. */
  raw({ buffer, byteOffset, byteLength }: ArrayBufferView): this {
    this.reserve(byteLength);
    this.bytes.set(new Uint8Array(buffer, byteOffset, byteLength), this.length);
    this.length += byteLength;
    return this;
  }

  /** A place for a u32 that `patch` fills in with the number of bytes since then. */
  lengthPlace(): number {
    this.u32(0);
    return this.length;
  }

  patch(place: number): void {
    this.view.setUint32(place - 4, this.length - place, true);
  }

  /** The frames written since the last call, in memory of their own. */
  take(): Uint8Array {
    const taken = this.bytes.slice(0, this.length);
    this.length = 0;
    return taken;
  }

  private reserve(bytes: number): void {
    if (this.length + bytes <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + bytes));
    grown.set(this.bytes);
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }
}
