import { checkAnswer, decodeError, decodeHello, decodeStats } from '../../../src/engines/remote/answers.ts';
import { ProtocolError, Request } from '../../../src/engines/remote/protocol.ts';
import { accepted, expect, type Target } from '../target.ts';

const TYPES = Object.values(Request);

function bytes(...parts: readonly (number | string)[]): Uint8Array {
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.of(part))));
}

/** The first byte chooses the request that it answers, the second its accesses and whether the engine has routes. */
export const target: Target = {
  name: 'answers',
  form: 'bytes',
  seeds: [
    bytes(0, 0, 'MSRD\x01\0\x1f\x01\x7f\0\0\0\x1f\0\0\0\x04\0name\x03\0abc'),
    bytes(3, 0, '\xea\xff\xff\xff'),
    bytes(8, 0x84, '\0\x01\x02\x03\0\x01\x02\0'),
    bytes(9, 0, '\x01\0\0\0'),
    bytes(10, 0, '\x02\0\0\0\x01\0\0\0\0\0\0\0\x01a\x02\0\0\0\0\0\0\0\x01b'),
    bytes(11, 2, '\x01\0\0\0\x02\0\0\0\x01\x02'),
    bytes(12, 0, '\0\0\0\0out'),
    bytes(13, 0, 'it failed'),
  ],
  words: ['MSRD', '\u0001\u0000', '\u0000\u0000\u0000\u0000', 'name', '\u001b[2J'],
  sources: ['src/engines/remote/answers', 'src/engines/remote/protocol'],
  run(input) {
    const [choice = 0, shape = 0] = input;
    const payload = input.subarray(2);
    const type = TYPES[choice % (TYPES.length + 1)];
    if (type === undefined) {
      accepted(() => decodeError(payload), '', ProtocolError);
      return;
    }
    const check = (): true => {
      checkAnswer(type, payload, shape & 0x7f, shape >= 0x80);
      return true;
    };
    if (!accepted(check, '', ProtocolError)) return;
    if (type === Request.HELLO) {
      const { name, description, events, forms } = decodeHello(payload);
      expect(/^[A-Za-z0-9._@-]{1,64}$/.test(name), `an engine named ${JSON.stringify(name)}`);
      expect(Buffer.byteLength(description) <= 1000, 'a description that is too long');
      expect(events.includes('filter') && forms.includes('native'), 'an engine that runs nothing');
    }
    if (type === Request.STATS) {
      const stats = decodeStats(payload);
      expect(stats.size === Buffer.from(payload).readUInt32LE(0), 'a counter is lost');
    }
  },
};
