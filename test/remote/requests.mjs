/** A reader of the engine protocol's requests, written from docs/engine-protocol.md and nothing else. */

class Fields {
  at = 0;

  constructor(payload) {
    this.view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  }

  /** Moves on, and says from where. */
  skip(bytes) {
    this.at += bytes;
    return this.at - bytes;
  }

  u8 = () => this.view.getUint8(this.skip(1));
  u16 = () => this.view.getUint16(this.skip(2), true);
  u32 = () => this.view.getUint32(this.skip(4), true);
  u64 = () => this.view.getBigUint64(this.skip(8), true);
  many = (count, read) => Array.from({ length: count }, read);
  bytes = (count) => Uint8Array.from(this.many(count, this.u8));
  text = (count) => Buffer.from(this.bytes(count)).toString();

  bool() {
    const value = this.u8();
    if (value > 1) throw new Error(`${value} is no truth value`);
    return value === 1;
  }

  zero(count) {
    for (const byte of this.bytes(count)) if (byte !== 0) throw new Error('reserved bytes are not 0');
  }
}

function filter(f) {
  const delivery = f.u8();
  f.zero(3);
  const flags = f.u32();
  const ranges = f.many(f.u32(), () => {
    const range = { flags: f.u32(), nmsrs: f.u32(), base: f.u32() };
    const size = f.u32();
    return { ...range, bitmap: size === 0xffffffff ? null : f.bytes(size) };
  });
  return { delivery, flags, ranges };
}

const DECODERS = {
  1: (f) => ({ magic: f.u32(), version: f.u16(), zero: f.zero(2) }),
  2: (f) => ({
    profile: f.text(f.u16()),
    rows: f.many(f.u32(), () => ({ index: f.u32(), read: f.u8(), write: f.u8(), zero: f.zero(2) })),
  }),
  3: (f) => ({ mode: f.u8(), irqchip: f.bool(), options: f.u8(), zero: f.zero(1) }),
  16: filter,
  17: (f) => ({ cap: f.u32(), flags: f.u32(), mask: f.u64() }),
  18: (f) => ({ on: f.bool(), zero: f.zero(3) }),
  19: (f) => ({ mode: f.u8(), zero: f.zero(3) }),
  20: (f) => ({
    changes: f.many(f.u32(), () => ({ index: f.u32(), read: f.bool(), write: f.bool(), zero: f.zero(2) })),
  }),
  21: (f) => {
    const count = f.u32();
    const form = f.u8();
    const hasValues = f.bool();
    f.zero(2);
    const indices = Uint32Array.from(f.many(count, f.u32));
    const types = Uint8Array.from(f.many(count, f.u8));
    return { form, indices, types, values: hasValues ? BigUint64Array.from(f.many(count, f.u64)) : undefined };
  },
  22: (f) => ({ error: f.u8(), zero: f.zero(7), data: f.u64() }),
  32: () => ({}),
  33: (f) => {
    const count = f.u32();
    const rounds = f.u32();
    const indices = Uint32Array.from(f.many(count, f.u32));
    const types = Uint8Array.from(f.many(count, f.u8));
    const filters = f.many(2, () => {
      const end = f.u32() + f.at;
      const content = filter(f);
      if (f.at !== end) throw new Error('the length of a filter is not that of its content');
      return content;
    });
    return { rounds, indices, types, filters };
  },
};

/** Throws an Error for what is too short, too long or not 0 where it must be. */
export function decodeRequest(type, payload) {
  const fields = new Fields(payload);
  const request = DECODERS[type](fields);
  if (fields.at !== payload.length) throw new Error(`${payload.length - fields.at} bytes are left over`);
  delete request.zero;
  return request;
}
