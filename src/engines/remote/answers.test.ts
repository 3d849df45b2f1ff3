import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkAnswer,
  decodeAccess,
  decodeErrno,
  decodeError,
  decodeHello,
  decodeRace,
  decodeReply,
  decodeStats,
} from './answers.ts';
import { ProtocolError, Request } from './protocol.ts';

interface HelloFields {
  magic: number;
  version: number;
  flags: number;
  vendor: number;
  events: number;
  forms: number;
  name: string;
  description: string;
}

const VALID: HelloFields = {
  magic: 0x4452534d,
  version: 1,
  flags: 0,
  vendor: 0,
  events: 0x21,
  forms: 1,
  name: 'mine',
  description: '',
};

function hello(changed: Partial<HelloFields> = {}): Uint8Array {
  const { magic, version, flags, vendor, events, forms, name, description } = { ...VALID, ...changed };
  const texts = [name, description].map((text) => Buffer.from(text));
  const head = Buffer.alloc(16);
  head.writeUInt32LE(magic, 0);
  head.writeUInt16LE(version, 4);
  head.writeUInt8(flags, 6);
  head.writeUInt8(vendor, 7);
  head.writeUInt32LE(events, 8);
  head.writeUInt32LE(forms, 12);
  const lengths = texts.map(({ length }) => Buffer.from(Uint16Array.of(length).buffer));
  return new Uint8Array(Buffer.concat([head, lengths[0]!, texts[0]!, lengths[1]!, texts[1]!]));
}

describe('HELLO', () => {
  it('says what the engine is', () => {
    const description = 'Linux 6.12, µ-architecture';
    const payload = hello({ name: 'kvm@6.12', description, flags: 31, vendor: 2, events: 0x7f, forms: 0x1f });
    expect(decodeHello(payload)).toEqual({
      name: 'kvm@6.12',
      description,
      routes: true,
      stats: true,
      race: true,
      run: true,
      kernel: true,
      vendor: 'svm',
      events: ['filter', 'cap', 'ignoreMsrs', 'apic', 'candidates', 'access', 'reply'],
      forms: ['native', 'immediate', 'emulator', 'implicit', 'host'],
    });
    expect(decodeHello(hello())).toMatchObject({ vendor: undefined, routes: false, events: ['filter', 'access'] });
  });

  it.each<[Partial<HelloFields>, RegExp]>([
    [{ magic: 1 }, /without the magic number/],
    [{ version: 2 }, /speaks version 2 of the protocol instead of 1/],
    [{ flags: 32 }, /unknown flags in HELLO \(0x20\)/],
    [{ vendor: 3 }, /unknown vendor in HELLO \(3\)/],
    [{ events: 0x20 }, /filter and access events/],
    [{ events: 0x01 }, /filter and access events/],
    [{ events: 0xa1 }, /unknown events in HELLO \(0xa1\)/],
    [{ forms: 2 }, /native accesses/],
    [{ forms: 0x21 }, /unknown forms/],
    [{ name: '' }, /has the name ""/],
    [{ name: 'a b' }, /has the name "a b"/],
    [{ name: 'n'.repeat(65) }, /has the name/],
    [{ description: 'd'.repeat(1001) }, /a description of 1001 bytes/],
  ])('%j is refused', (changed, message) => {
    expect(() => decodeHello(hello(changed))).toThrow(message);
    expect(() => decodeHello(hello(changed))).toThrow(ProtocolError);
  });

  it('is refused when it is cut off or too long', () => {
    const whole = hello({ description: 'some text' });
    for (let length = 0; length < whole.length; length++) {
      expect(() => decodeHello(whole.subarray(0, length))).toThrow(ProtocolError);
    }
    expect(() => decodeHello(Buffer.concat([whole, Buffer.alloc(1)]))).toThrow(/\d+ bytes \(\d+ expected\)/);
  });

  it('is refused with text that is not UTF-8', () => {
    const payload = hello({ description: 'x' });
    payload[payload.length - 1] = 0xff;
    expect(() => decodeHello(payload)).toThrow('sent text in HELLO that is not UTF-8');
  });
});

describe('results', () => {
  it('errno', () => {
    expect(decodeErrno(Uint8Array.from(Buffer.from('eaffffff', 'hex')), Request.FILTER)).toBe(-22);
    expect(() => decodeErrno(new Uint8Array(3), Request.CAP)).toThrow('answered CAP with 3 bytes (4 expected)');
  });

  it('verdicts and routes', () => {
    const payload = Uint8Array.of(0, 1, 2, 0, 1, 2);
    expect(decodeAccess(payload, 3, true)).toEqual({
      verdicts: Uint8Array.of(0, 1, 2),
      routes: Uint8Array.of(0, 1, 2),
    });
    expect(decodeAccess(payload, 6, false)).toEqual({ verdicts: payload, routes: new Uint8Array(0) });
    expect(() => decodeAccess(payload, 5, false)).toThrow('answered ACCESS (5 accesses) with 6 bytes (5 expected)');
    expect(() => decodeAccess(Uint8Array.of(0, 3), 1, true)).toThrow('answered ACCESS with 3, which is no route');
  });

  it('completions', () => {
    expect(decodeReply(Uint8Array.of(2, 0, 0, 0))).toBe(2);
    expect(() => decodeReply(Uint8Array.of(2, 0, 1, 0))).toThrow('reserved bytes');
    expect(() => decodeReply(Uint8Array.of(2))).toThrow('answered REPLY with 1 bytes (4 expected)');
  });

  it('statistics, of which none is lost', () => {
    const names = fc.stringMatching(/^[a-z_]{1,30}$/);
    const counters = fc.uniqueArray(fc.tuple(names, fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })), {
      selector: ([name]) => name,
    });
    fc.assert(
      fc.property(counters, (all) => {
        const parts = all.map(([name, value]) => {
          const head = Buffer.alloc(9);
          head.writeBigUInt64LE(value);
          head.writeUInt8(name.length, 8);
          return Buffer.concat([head, Buffer.from(name)]);
        });
        const payload = Buffer.concat([Buffer.from(Uint32Array.of(all.length).buffer), ...parts]);
        expect([...decodeStats(payload)]).toEqual(all);
        expect(() => decodeStats(Buffer.concat([payload, Buffer.alloc(1)]))).toThrow(ProtocolError);
        if (all.length > 0) expect(() => decodeStats(payload.subarray(0, -1))).toThrow('fewer counters');
      }),
    );
  });

  it('races', () => {
    const payload = Uint8Array.from([5, 0, 0, 0, 6, 0, 0, 0, 3, 1]);
    expect(decodeRace(payload, 2)).toEqual({ changes: 5, runs: 6, seen: Uint8Array.of(3, 1) });
    expect(() => decodeRace(payload, 3)).toThrow('answered RACE (3 accesses) with 10 bytes (11 expected)');
  });

  it('errors', () => {
    expect(decodeError(Buffer.from('weiß nicht'))).toBe('weiß nicht');
    expect(() => decodeError(new Uint8Array(1001))).toThrow('an error of 1001 bytes');
  });

  it('of any bytes give a value or a ProtocolError of one line', () => {
    const types = fc.constantFrom(...Object.values(Request));
    fc.assert(
      fc.property(
        types,
        fc.uint8Array({ maxLength: 64 }),
        fc.nat({ max: 64 }),
        fc.boolean(),
        (type, payload, n, routes) => {
          try {
            checkAnswer(type, payload, n, routes);
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError);
            expect((error as Error).message).not.toMatch(/\n/);
          }
        },
      ),
    );
  });
});
