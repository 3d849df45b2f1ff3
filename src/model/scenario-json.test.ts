import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from './input-error.ts';
import {
  ACCESS_FORMS,
  type AccessBatch,
  ApicMode,
  BATCH_MAX_ACCESSES,
  FILTER_DELIVERIES,
  SCENARIO_MAX_EVENTS,
  type Scenario,
  type ScenarioEvent,
} from './scenario.ts';
import { formatScenario, parseScenario, scenarioToJson } from './scenario-json.ts';

const u32 = fc.nat({ max: 0xffff_ffff });
const u64 = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constantFrom(0n, 7n));
const passthrough = fc.array(fc.record({ index: u32, read: fc.boolean(), write: fc.boolean() }), { maxLength: 5 });

const batch: fc.Arbitrary<AccessBatch> = fc
  .record({
    accesses: fc.array(fc.tuple(u32, fc.nat({ max: 1 }), u64), { maxLength: 10 }),
    withValues: fc.boolean(),
    form: fc.option(fc.constantFrom(...ACCESS_FORMS), { nil: undefined }),
  })
  .map(({ accesses, withValues, form: chosen }) => {
    const form = chosen === undefined ? {} : { form: chosen };
    const indices = Uint32Array.from(accesses, ([index]) => index);
    const types = Uint8Array.from(accesses, ([, type]) => type);
    return withValues
      ? { ...form, indices, types, values: BigUint64Array.from(accesses, ([, , value]) => value) }
      : { ...form, indices, types };
  });

const range = fc.record({
  flags: u32,
  nmsrs: fc.oneof(u32, fc.nat({ max: 64 })),
  base: u32,
  bitmap: fc.option(fc.uint8Array({ maxLength: 16 }), { nil: null }),
});

const filter = fc.record({ flags: u32, ranges: fc.array(range, { maxLength: 4 }) });
const kind = <K extends ScenarioEvent['kind']>(name: K) => fc.constant(name);

const event: fc.Arbitrary<ScenarioEvent> = fc.oneof(
  fc.record(
    { kind: kind('filter'), filter, delivery: fc.constantFrom(...FILTER_DELIVERIES) },
    { requiredKeys: ['kind', 'filter'] },
  ),
  fc.record(
    {
      kind: kind('cap'),
      mask: u64,
      flags: fc.constantFrom(0, 1, 0xffff_ffff),
      cap: fc.constantFrom(188, 189, 0),
    },
    { requiredKeys: ['kind', 'mask'] },
  ),
  fc.record({ kind: kind('ignoreMsrs'), on: fc.boolean() }),
  fc.record({ kind: kind('apic'), mode: fc.constantFrom(...Object.values(ApicMode)) }),
  fc.record({ kind: kind('candidates'), changes: passthrough }),
  fc.record({ kind: kind('access'), batch }),
  fc.record({ kind: kind('reply'), error: fc.nat({ max: 255 }), data: u64 }),
  fc.record(
    { kind: kind('nested'), bitmaps: fc.boolean(), mapped: fc.boolean(), passthrough, clean: fc.boolean() },
    { requiredKeys: ['kind', 'bitmaps', 'mapped', 'passthrough'] },
  ),
);
const scenarios: fc.Arbitrary<Scenario> = fc.record({ events: fc.array(event, { maxLength: 8 }) });

const DEFAULTS: Record<string, unknown> = { delivery: 'normal', flags: 0, cap: 188, clean: false, form: 'native' };

function withoutDefaults<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([key, member]) => DEFAULTS[key] !== member)) as T;
}

/** Defaults, and values that no engine looks at, are not part of a scenario's identity. */
function normalized(scenario: Scenario): Scenario {
  const events = scenario.events.map((value): ScenarioEvent => {
    if (value.kind !== 'access') return withoutDefaults(value);
    const { values: all, ...rest } = withoutDefaults(value.batch);
    const values = all?.map((written, position) => (rest.types[position] === 1 ? written : 0n));
    return { kind: 'access', batch: values?.some(Boolean) ? { ...rest, values } : rest };
  });
  return { events };
}

const EXAMPLE = `{"events": [
  {"cap": "0x7"},
  {"apic": "x2apic"},
  {"filter": {"flags": "deny", "ranges": [{"flags": "rw", "base": "0x174", "nmsrs": 3, "bitmap": {"allow": ["0x174"]}}]}},
  {"candidates": [["0x48", "rw"], ["0x49", "none"]]},
  {"access": [["0x174", "r"], ["0x175", "w"], ["0x176", "w", "0x1234"]]},
  {"reply": {"error": 1, "data": "0xffffffffffffffff"}},
  {"nested": {"bitmaps": true, "mapped": false, "passthrough": [["0x10", "r"], ["0x11", "w"]]}}
]}
`;

describe('round trip', () => {
  it('gives back every scenario and the same text', () => {
    fc.assert(
      fc.property(scenarios, (scenario) => {
        const text = formatScenario(scenario);
        const parsed = parseScenario(JSON.parse(text), 'f');
        expect(parsed).toEqual(normalized(scenario));
        expect(formatScenario(parsed)).toBe(text);
        expect(JSON.parse(text)).toEqual(scenarioToJson(scenario));
        expect(text.split('\n').length).toBe(scenario.events.length === 0 ? 2 : scenario.events.length + 3);
      }),
    );
  });
});

describe('the form', () => {
  it('is read and written as documented', () => {
    const scenario = parseScenario(JSON.parse(EXAMPLE), 'f');
    expect(scenario).toEqual({
      events: [
        { kind: 'cap', mask: 7n },
        { kind: 'apic', mode: ApicMode.X2APIC },
        {
          kind: 'filter',
          filter: {
            flags: 1,
            ranges: [{ flags: 3, base: 0x174, nmsrs: 3, bitmap: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0) }],
          },
        },
        {
          kind: 'candidates',
          changes: [
            { index: 0x48, read: true, write: true },
            { index: 0x49, read: false, write: false },
          ],
        },
        {
          kind: 'access',
          batch: {
            indices: Uint32Array.of(0x174, 0x175, 0x176),
            types: Uint8Array.of(0, 1, 1),
            values: BigUint64Array.of(0n, 0n, 0x1234n),
          },
        },
        { kind: 'reply', error: 1, data: 2n ** 64n - 1n },
        {
          kind: 'nested',
          bitmaps: true,
          mapped: false,
          passthrough: [
            { index: 0x10, read: true, write: false },
            { index: 0x11, read: false, write: true },
          ],
        },
      ],
    });
    expect(formatScenario(scenario)).toBe(EXAMPLE);
    expect(formatScenario({ events: [] })).toBe('{"events": []}\n');
  });

  it('has keys for what differs from the default', () => {
    const text = `{"events": [
  {"filter": {"flags": "allow", "ranges": []}, "delivery": "compat"},
  {"cap": "0x7", "flags": "0x1", "number": 189},
  {"ignoreMsrs": true},
  {"access": [["0x10", "r"]], "form": "emulator"},
  {"nested": {"bitmaps": true, "mapped": true, "passthrough": [], "clean": true}}
]}
`;
    const scenario = parseScenario(JSON.parse(text), 'f');
    expect(scenario.events).toEqual([
      { kind: 'filter', filter: { flags: 0, ranges: [] }, delivery: 'compat' },
      { kind: 'cap', mask: 7n, flags: 1, cap: 189 },
      { kind: 'ignoreMsrs', on: true },
      { kind: 'access', batch: { form: 'emulator', indices: Uint32Array.of(0x10), types: Uint8Array.of(0) } },
      { kind: 'nested', bitmaps: true, mapped: true, passthrough: [], clean: true },
    ]);
    expect(formatScenario(scenario)).toBe(text);
    const defaults = {
      events: [
        { filter: { flags: 0, ranges: [] }, delivery: 'normal' },
        { number: '0xbc', flags: 0, cap: 7 },
        { form: 'native', access: [] },
        { nested: { bitmaps: true, mapped: true, passthrough: [], clean: false } },
      ],
    };
    expect(formatScenario(parseScenario(defaults, 'f'))).toBe(`{"events": [
  {"filter": {"flags": "allow", "ranges": []}},
  {"cap": "0x7"},
  {"access": []},
  {"nested": {"bitmaps": true, "mapped": true, "passthrough": []}}
]}
`);
  });

  it('has the same text for equal scenarios that are written differently', () => {
    const json = {
      events: [
        { cap: 7 },
        {
          access: [
            [0x174, 'w', '0x00'],
            ['0x0175', 'w', 5],
          ],
        },
      ],
    };
    expect(formatScenario(parseScenario(json, 'f'))).toBe(
      '{"events": [\n  {"cap": "0x7"},\n  {"access": [["0x174", "w"], ["0x175", "w", "0x5"]]}\n]}\n',
    );
  });
});

describe('errors', () => {
  const events = (...list: unknown[]) => ({ events: list });
  const kinds = 'filter, cap, ignoreMsrs, apic, candidates, access, reply, nested';
  const nested = { bitmaps: true, mapped: true, passthrough: [] };
  it.each([
    [[], 's.json: expected an object, found an array'],
    [{}, 's.json: events: missing'],
    [events({}), `s.json: events[0]: expected exactly one key of ${kinds}; found none`],
    [events({ cap: 7, apic: 'none' }), 's.json: events[0]: expected exactly one key of'],
    [events({ toString: 1 }), 's.json: events[0]: expected exactly one key of'],
    [events({ cap: 7 }, { cap: -1 }), 's.json: events[1].cap: expected a hex string of at most 16 digits'],
    [events({ cap: 2 ** 53 }), 's.json: events[0].cap: expected'],
    [events({ cap: '0x10000000000000000' }), 's.json: events[0].cap: expected'],
    [events({ cap: 7, form: 'host' }), 's.json: events[0].form: unknown key; known here: cap, flags, number'],
    [events({ cap: 7, flags: -1 }), 's.json: events[0].flags: expected a number from 0 to 4294967295'],
    [events({ access: [], form: 'x' }), 's.json: events[0].form: expected one of native, immediate, emulator'],
    [events({ ignoreMsrs: 1 }), 's.json: events[0].ignoreMsrs: expected true or false, found 1'],
    [events({ apic: 'X2APIC' }), 's.json: events[0].apic: expected one of none, xapic, x2apic; found "X2APIC"'],
    [events({ filter: { flags: 0, ranges: [{}] } }), 's.json: events[0].filter.ranges[0].flags: missing'],
    [events({ access: [['0x1', 'r'], ['0x2']] }), 's.json: events[0].access[1]: expected [index, "r"]'],
    [events({ access: [['0x1', 'rw']] }), 's.json: events[0].access[0][1]: expected "r" or "w", found "rw"'],
    [events({ access: [[-1, 'r']] }), 's.json: events[0].access[0][0]: expected a number from 0 to 4294967295'],
    [events({ access: [[1, 'w', 'x']] }), 's.json: events[0].access[0][2]: expected a hex string'],
    [events({ access: [[1, 'r', 0]] }), 's.json: events[0].access[0][2]: a read has no value; leave it out'],
    [events({ candidates: [[1, 'x']] }), 's.json: events[0].candidates[0][1]: expected one of none, r, w, rw; found'],
    [events({ candidates: [[1]] }), 's.json: events[0].candidates[0]: expected [index,'],
    [events({ reply: { error: 256, data: 0 } }), 's.json: events[0].reply.error: expected an integer from 0 to 255'],
    [events({ reply: { error: 0 } }), 's.json: events[0].reply.data: missing'],
    [events({ nested: { ...nested, mapped: 1 } }), 's.json: events[0].nested.mapped: expected true or false, found 1'],
    [
      events({ nested: { ...nested, passthrough: [['y', 'r']] } }),
      's.json: events[0].nested.passthrough[0][0]: expected a number from 0 to 4294967295',
    ],
    [
      { events: new Array(SCENARIO_MAX_EVENTS + 1).fill({ cap: 7 }) },
      's.json: events: 4097 entries; at most 4096 are possible',
    ],
    [
      events({ access: new Array(BATCH_MAX_ACCESSES + 1).fill([1, 'r']) }),
      's.json: events[0].access: 1048577 entries; at most 1048576 are possible',
    ],
  ])('%#: %s', (json, message) => {
    const parse = () => parseScenario(json, 's.json');
    expect(parse).toThrow(InputError);
    expect(parse).toThrow(message);
  });

  it('takes the largest scenario and batch', () => {
    expect(parseScenario({ events: new Array(SCENARIO_MAX_EVENTS).fill({ cap: 7 }) }, 's').events.length).toBe(4096);
    const largest = parseScenario(events({ access: new Array(BATCH_MAX_ACCESSES).fill([1, 'r']) }), 's');
    expect((largest.events[0] as { batch: AccessBatch }).batch.indices.length).toBe(BATCH_MAX_ACCESSES);
  });
});
