import { describe, expect, test } from 'vitest';
import { pick, relocate, reshape, touches, withoutEvents } from './edit.ts';

const range = { flags: 3, base: 0x100, nmsrs: 16, bitmap: Uint8Array.of(0b0000_0101, 0x80, 0, 0, 0, 0, 0, 1) };

describe('reshape', () => {
  test('keeps the bit of each MSR, also past nmsrs', () => {
    const moved = reshape(range, 0x102, 2);
    expect(moved).toMatchObject({ base: 0x102, nmsrs: 2 });
    // MSR 0x102 was bit 2, 0x10f bit 15, 0x138 bit 56: now 0, 13 and 54.
    expect([...moved.bitmap!]).toEqual([0x01, 0x20, 0, 0, 0, 0, 0x40, 0]);
  });

  test('leaves the original alone, and a null bitmap null', () => {
    reshape(range, 0x108, 1);
    expect(range.bitmap[0]).toBe(0b0000_0101);
    expect(reshape({ ...range, bitmap: null }, 0, 1).bitmap).toBeNull();
  });
});

describe('touches', () => {
  test.each([
    [0x0ff, true],
    [0x100, true],
    [0x10f, true],
    [0x110, true],
    [0x0fe, false],
    [0x111, false],
  ])('0x%s', (index, expected) => expect(touches(range, index)).toBe(expected));

  test('follows the wrap', () => expect(touches({ ...range, base: 0xffff_fff8 }, 3)).toBe(true));
});

describe('relocate', () => {
  test('moves the accesses at the index and the ranges that touch it, and nothing else', () => {
    const scenario = {
      events: [
        { kind: 'filter' as const, filter: { flags: 0, ranges: [range, { ...range, base: 0x900 }] } },
        {
          kind: 'access' as const,
          batch: { indices: Uint32Array.of(0x100, 0x900), types: new Uint8Array(2) },
        },
      ],
    };
    const [filter, access] = relocate(scenario, 0x100, -0x100, false).events;
    expect(filter).toMatchObject({ filter: { ranges: [{ base: 0 }, { base: 0x900 }] } });
    expect([...(access as (typeof scenario.events)[1] & { kind: 'access' }).batch.indices]).toEqual([0, 0x900]);
  });
});

describe('pick and withoutEvents', () => {
  test('take what they are told', () => {
    const batch = { form: 'host' as const, indices: Uint32Array.of(1, 2, 3), types: Uint8Array.of(0, 1, 0) };
    expect(pick(batch, [2, 0])).toEqual({ form: 'host', indices: Uint32Array.of(3, 1), types: Uint8Array.of(0, 0) });
    const scenario = {
      events: [
        { kind: 'ignoreMsrs' as const, on: true },
        { kind: 'ignoreMsrs' as const, on: false },
      ],
    };
    expect(withoutEvents(scenario, (number) => number === 0).events).toEqual([{ kind: 'ignoreMsrs', on: false }]);
  });
});
