import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeRequest } from '../../../test/remote/requests.mjs';
import { type BaseOutcome, type BaseRow, BaseTable } from '../../model/base.ts';
import { catalogueBase } from '../../model/catalogue.ts';
import type { MsrFilter } from '../../model/filter.ts';
import { ACCESS_FORMS, ApicMode, FILTER_DELIVERIES } from '../../model/scenario.ts';
import type { AccessType } from '../../model/verdict.ts';
import { FrameReader, FrameWriter } from './frames.ts';
import * as requests from './requests.ts';

const u32 = fc.nat({ max: 0xffff_ffff });
const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const truth = fc.boolean();

const filters: fc.Arbitrary<MsrFilter> = fc.record({
  flags: u32,
  ranges: fc.array(
    fc.record({ flags: u32, nmsrs: u32, base: u32, bitmap: fc.option(fc.uint8Array({ maxLength: 64 })) }),
    { maxLength: 16 },
  ),
});

const accesses = fc.array(fc.tuple(u32, fc.nat({ max: 1 }), u64), { maxLength: 40 }).map((all) => ({
  indices: Uint32Array.from(all, ([index]) => index),
  types: Uint8Array.from(all, ([, type]) => type),
  values: BigUint64Array.from(all, ([, , value]) => value),
}));

/** What an engine reads of what is written. */
function sent(encode: (writer: FrameWriter) => void): Record<string, unknown> {
  const writer = new FrameWriter();
  encode(writer);
  const reader = new FrameReader();
  reader.feed(writer.take());
  const { type, payload } = reader.next()!;
  expect(reader.next()).toBeUndefined();
  return decodeRequest(type, payload);
}

const plain = ({ flags, ranges }: MsrFilter): unknown => ({
  flags,
  ranges: ranges.map((range) => ({ ...range, bitmap: range.bitmap && Uint8Array.from(range.bitmap) })),
});

describe('an engine reads what was sent:', () => {
  it('HELLO', () => {
    expect(sent((writer) => requests.encodeHello(writer))).toEqual({ magic: 0x4452534d, version: 1 });
  });

  it('CONFIG, of the catalogue', () => {
    const base = catalogueBase();
    const { profile, rows } = sent((writer) => requests.encodeConfig(writer, '5.10.0', base));
    expect(profile).toBe('5.10.0');
    expect(rows).toEqual([...base.rows()]);
    expect((rows as BaseRow[]).length).toBeGreaterThan(300);
  });

  it('RESET', () => {
    const options = fc.record({ mode: fc.nat({ max: 2 }), irqchip: truth, options: fc.nat({ max: 7 }) });
    fc.assert(
      fc.property(options, (o) => {
        expect(sent((w) => requests.encodeReset(w, o))).toEqual(o);
      }),
    );
  });

  it('FILTER', () => {
    fc.assert(
      fc.property(filters, fc.constantFrom(...FILTER_DELIVERIES), (filter, delivery) => {
        expect(sent((writer) => requests.encodeFilter(writer, filter, delivery))).toEqual({
          delivery: FILTER_DELIVERIES.indexOf(delivery),
          ...(plain(filter) as object),
        });
      }),
    );
  });

  it('CAP', () => {
    const events = fc.record({ mask: u64, flags: u32, cap: u32 });
    fc.assert(
      fc.property(events, (event) => {
        expect(sent((writer) => requests.encodeCap(writer, { kind: 'cap', ...event }))).toEqual(event);
      }),
    );
    expect(sent((writer) => requests.encodeCap(writer, { kind: 'cap', mask: 7n }))).toEqual({
      cap: 188,
      flags: 0,
      mask: 7n,
    });
  });

  it('IGNORE_MSRS, APIC, REPLY and STATS', () => {
    expect(sent((writer) => requests.encodeIgnoreMsrs(writer, true))).toEqual({ on: true });
    expect(sent((writer) => requests.encodeApic(writer, ApicMode.X2APIC))).toEqual({ mode: 2 });
    expect(sent((writer) => requests.encodeStats(writer))).toEqual({});
    const replies = fc.record({ error: fc.nat({ max: 255 }), data: u64 });
    fc.assert(
      fc.property(replies, (r) => {
        expect(sent((w) => requests.encodeReply(w, r.error, r.data))).toEqual(r);
      }),
    );
  });

  it('CANDIDATES', () => {
    const changes = fc.array(fc.record({ index: u32, read: truth, write: truth }));
    fc.assert(
      fc.property(changes, (c) => {
        expect(sent((w) => requests.encodeCandidates(w, c))).toEqual({ changes: c });
      }),
    );
  });

  it('ACCESS', () => {
    fc.assert(
      fc.property(accesses, fc.constantFrom(...ACCESS_FORMS), truth, (batch, form, hasValues) => {
        const { indices, types } = batch;
        const values = hasValues ? batch.values : undefined;
        const read = sent((writer) =>
          requests.encodeAccess(writer, { form, indices, types, ...(values && { values }) }),
        );
        expect(read).toEqual({ form: ACCESS_FORMS.indexOf(form), indices, types, values });
      }),
    );
  });

  it('ACCESS, of arrays that are parts of larger ones', () => {
    const indices = Uint32Array.of(1, 2, 3, 4).subarray(1, 3);
    const types = Uint8Array.of(1, 0, 1, 1).subarray(1, 3);
    expect(sent((writer) => requests.encodeAccess(writer, { indices, types }))).toMatchObject({ indices, types });
  });

  it('RACE', () => {
    fc.assert(
      fc.property(accesses, filters, filters, u32, ({ indices, types }, a, b, rounds) => {
        const { filters, ...rest } = sent((writer) => requests.encodeRace(writer, indices, types, [a, b], rounds));
        expect(rest).toEqual({ rounds, indices, types });
        expect(filters).toEqual([a, b].map((filter) => ({ delivery: 0, ...(plain(filter) as object) })));
      }),
    );
  });

  it('no more of a bitmap than 64 KiB', () => {
    const range = { flags: 1, nmsrs: 1, base: 0, bitmap: new Uint8Array(1 << 20) };
    const { ranges } = sent((writer) => requests.encodeFilter(writer, { flags: 0, ranges: [range] }, 'normal'));
    expect((ranges as (typeof range)[])[0]!.bitmap.length).toBe(1 << 16);
  });
});

describe('BaseTable.rows', () => {
  const rows = fc.uniqueArray(
    fc.record({
      index: fc.oneof(fc.nat({ max: 0x1000 }), fc.integer({ min: 0xc000_0000, max: 0xc000_0200 })),
      read: fc.nat({ max: 2 }) as fc.Arbitrary<BaseOutcome>,
      write: fc.nat({ max: 2 }) as fc.Arbitrary<BaseOutcome>,
    }),
    { selector: ({ index }) => index },
  );

  it('make the same table again, ascending and without those that say nothing', () => {
    fc.assert(
      fc.property(rows, (given) => {
        const table = new BaseTable(given);
        const listed = [...table.rows()];
        const again = new BaseTable(listed);
        for (const { index } of [...given, { index: 0x7ff }, { index: 0x800 }, { index: 0x8ff }]) {
          for (const type of [0, 1] as AccessType[]) {
            for (const mode of Object.values(ApicMode)) {
              expect(again.outcome(index, type, mode)).toBe(table.outcome(index, type, mode));
            }
          }
        }
        expect(listed.map(({ index }) => index)).toEqual(listed.map(({ index }) => index).sort((a, b) => a - b));
        for (const { index, read, write } of listed) {
          expect([read, write]).not.toEqual(index >>> 8 === 8 ? [2, 2] : [1, 1]);
        }
      }),
      { numRuns: 30 },
    );
  });
});
