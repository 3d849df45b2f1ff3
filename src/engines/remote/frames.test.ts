import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Frame, FrameReader, FrameWriter, numberFrame } from './frames.ts';
import { ProtocolError, Request } from './protocol.ts';

const types = fc.constantFrom(...Object.values(Request));
const frames = fc.array(
  fc.record({ number: fc.nat({ max: 0xffff_ffff }), type: types, payload: fc.uint8Array({ maxLength: 300 }) }),
  { maxLength: 20 },
);

function encode(all: readonly Frame[]): Uint8Array {
  const writer = new FrameWriter();
  const parts = all.map(({ number, type, payload }) => {
    writer
      .open(type as Request)
      .raw(payload)
      .close();
    const bytes = writer.take();
    numberFrame(bytes, 0, number);
    return bytes;
  });
  return Buffer.concat(parts);
}

function readAll(reader: FrameReader): Frame[] {
  const read: Frame[] = [];
  for (let frame = reader.next(); frame; frame = reader.next()) read.push(frame);
  return read;
}

describe('FrameReader', () => {
  it('gives the frames that were written, however the stream is cut', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat({ max: 100 })), fc.boolean(), (all, cuts, eager) => {
        const stream = encode(all);
        const reader = new FrameReader();
        const read: Frame[] = [];
        let at = 0;
        for (const cut of [...cuts, stream.length]) {
          reader.feed(stream.slice(at, at + cut));
          at += cut;
          if (eager) read.push(...readAll(reader));
        }
        read.push(...readAll(reader));
        expect(read.map(({ payload, ...rest }) => ({ ...rest, payload: [...payload] }))).toEqual(
          all.map(({ payload, ...rest }) => ({ ...rest, payload: [...payload] })),
        );
      }),
    );
  });

  it('never gives anything but frames and ProtocolError', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (chunks) => {
        const reader = new FrameReader();
        try {
          for (const chunk of chunks) {
            reader.feed(chunk);
            readAll(reader);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });

  it('reads a frame of the largest size in many chunks, in time that grows with its size', () => {
    const payload = new Uint8Array(1 << 24).fill(7);
    const stream = encode([{ number: 1, type: Request.STATS, payload }]);
    const reader = new FrameReader();
    let read: Frame | undefined;
    for (let at = 0; at < stream.length; at += 4096) {
      expect(read).toBeUndefined();
      reader.feed(stream.subarray(at, at + 4096));
      read = reader.next();
    }
    expect(read!.payload.length).toBe(1 << 24);
  });

  it.each([
    ['a length over 2^24', [1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], 'sent a frame of 16777217 bytes (at most 16777216)'],
    ['text', [...Buffer.from('ready to serve')], 'sent text ("ready to ser"...) instead of a frame'],
    ['reserved bytes', [0, 0, 0, 0, 1, 0, 0, 0, 0x81, 0, 0, 1], 'sent a frame whose bytes 9 to 11 are not 0'],
  ])('refuses %s', (_, bytes, message) => {
    const reader = new FrameReader();
    reader.feed(Uint8Array.from(bytes));
    expect(() => reader.next()).toThrow(new ProtocolError(message));
  });
});

describe('FrameWriter', () => {
  it('refuses a payload over 2^24 bytes, and can be used afterwards', () => {
    const writer = new FrameWriter();
    const large = new Uint8Array((1 << 24) + 1);
    expect(() => writer.open(Request.FILTER).raw(large).close()).toThrow('a FILTER request of 16777217 bytes');
    writer.open(Request.STATS).close();
    expect(writer.take()).toEqual(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0x20, 0, 0, 0));
  });
});
