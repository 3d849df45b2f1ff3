import { isDeepStrictEqual } from 'node:util';
import { type Frame, FrameReader } from '../../../src/engines/remote/frames.ts';
import { ProtocolError } from '../../../src/engines/remote/protocol.ts';
import { accepted, expect, type Target } from '../target.ts';

/** Every frame as far as they go, and whether the stream was refused. */
function framesOf(chunks: readonly Uint8Array[]): { readonly frames: readonly Frame[]; readonly refused: boolean } {
  const reader = new FrameReader();
  const frames: Frame[] = [];
  const read = accepted(
    () => {
      for (const chunk of chunks) {
        reader.feed(chunk);
        for (let frame = reader.next(); frame; frame = reader.next()) {
          frames.push({ ...frame, payload: new Uint8Array(frame.payload) });
        }
      }
      return true;
    },
    '',
    ProtocolError,
  );
  return { frames, refused: read === undefined };
}

/** The frames of a stream, by its bytes alone: length, number, type, three zeros, payload. */
function independent(bytes: Buffer): { readonly frames: readonly Frame[]; readonly refused: boolean } {
  const frames: Frame[] = [];
  let at = 0;
  while (at + 12 <= bytes.length) {
    const length = bytes.readUInt32LE(at);
    if (length > 2 ** 24) return { frames, refused: true };
    if (at + 12 + length > bytes.length) break;
    if (bytes.readUIntLE(at + 9, 3) !== 0) return { frames, refused: true };
    const payload = new Uint8Array(bytes.subarray(at + 12, at + 12 + length));
    frames.push({ number: bytes.readUInt32LE(at + 4), type: bytes[at + 8]!, payload });
    at += 12 + length;
  }
  return { frames, refused: false };
}

/** The first byte is the length of the chunks that the rest comes in. */
export const target: Target = {
  name: 'frames',
  form: 'bytes',
  seeds: [
    Buffer.from('\x05\x03\0\0\0\x01\0\0\0\x95\0\0\0abc\0\0\0\0\x02\0\0\0\x90\0\0\0', 'latin1'),
    Buffer.from('\x20printing to standard output', 'latin1'),
  ],
  words: ['\u0000\u0000\u0000\u0000', '\u0000\u0000\u0000\u0001', '\u0000\u0000\u0000'],
  sources: ['src/engines/remote/frames'],
  run(input) {
    const size = (input[0] ?? 0) + 1;
    const stream = input.subarray(1);
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < stream.length; at += size) chunks.push(stream.slice(at, at + size));
    const expected = independent(Buffer.from(stream));
    expect(isDeepStrictEqual(framesOf([stream.slice()]), expected), 'the whole stream is read otherwise');
    expect(isDeepStrictEqual(framesOf(chunks), expected), 'the stream in chunks is read otherwise');
  },
};
