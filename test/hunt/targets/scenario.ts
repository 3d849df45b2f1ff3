import { isDeepStrictEqual } from 'node:util';
import { parseJsonText } from '../../../src/model/json-text.ts';
import { BATCH_MAX_ACCESSES, SCENARIO_MAX_EVENTS } from '../../../src/model/scenario.ts';
import { formatScenario, parseScenario } from '../../../src/model/scenario-json.ts';
import { checkFilter, isU32, numberOf } from '../check-filter.ts';
import { accepted, asText, expect, type Target } from '../target.ts';
import { FILTER_SEEDS } from './filter-json.ts';

export const SCENARIO_SEEDS: readonly string[] = [
  `{"events":[{"cap":"0x4"},{"apic":"x2apic"},{"filter":${FILTER_SEEDS[0]}},{"access":[["0x174","r"],["0x175","w","0x1"]]}]}`,
  `{"events":[{"filter":${FILTER_SEEDS[1]},"delivery":"compat"},{"cap":"0x7","flags":"0x1","number":189},{"ignoreMsrs":true},` +
    '{"candidates":[["0x48","rw"],[16,"none"]]},{"access":[["0x6e0","w","0xffffffffffffffff"]],"form":"emulator"},' +
    '{"reply":{"error":1,"data":"0x0"}},{"nested":{"bitmaps":true,"mapped":true,"passthrough":[["0x174","r"]],"clean":true}}]}',
];

export const SCENARIO_WORDS: readonly string[] = [
  ...[
    'events',
    'filter',
    'delivery',
    'normal',
    'compat',
    'short',
    'padding',
    'readonly',
    'overwritten',
    'cap',
    'flags',
  ],
  ...[
    'number',
    'ignoreMsrs',
    'apic',
    'none',
    'xapic',
    'x2apic',
    'candidates',
    'r',
    'w',
    'rw',
    'access',
    'form',
    'native',
  ],
  ...[
    'immediate',
    'emulator',
    'implicit',
    'host',
    'reply',
    'error',
    'data',
    'nested',
    'bitmaps',
    'mapped',
    'passthrough',
  ],
  ...['clean', 'ranges', 'base', 'nmsrs', 'bitmap', 'allow', 'deny', '0x174-0x176'],
];

export const target: Target = {
  name: 'scenario',
  form: 'json',
  seeds: SCENARIO_SEEDS,
  words: SCENARIO_WORDS,
  sources: ['src/model/scenario-json', 'src/model/filter-json', 'src/model/json-'],
  run(input) {
    const text = asText(input);
    const scenario = accepted(() => parseScenario(parseJsonText(text, 'FILE'), 'FILE'), 'FILE');
    if (!scenario) return;
    const { events } = scenario;
    expect(events.length <= SCENARIO_MAX_EVENTS, `${events.length} events`);
    const given = (JSON.parse(text) as { events: Record<string, unknown>[] }).events;
    expect(given.length === events.length, 'another number of events');
    for (const [i, event] of events.entries()) {
      const said = given[i]!;
      expect(event.kind in said, `event ${i} is of another kind`);
      if (event.kind === 'filter') checkFilter(event.filter);
      if (event.kind === 'cap') {
        expect(event.mask >= 0n && event.mask < 1n << 64n, `event ${i}: mask ${event.mask}`);
        expect(event.mask === BigInt(said.cap as string), `event ${i} has another mask`);
      }
      if (event.kind === 'reply') expect(event.error >= 0 && event.error <= 255, `event ${i}: error ${event.error}`);
      if (event.kind === 'candidates') {
        expect(
          event.changes.every(({ index }) => isU32(index)),
          `event ${i}: an index that is none`,
        );
      }
      if (event.kind !== 'access') continue;
      const { indices, types, values } = event.batch;
      const accesses = said.access as unknown[][];
      expect(indices.length === types.length && indices.length <= BATCH_MAX_ACCESSES, `event ${i}: its lengths`);
      for (const [at, [index, direction, value]] of accesses.entries()) {
        expect(indices[at] === numberOf(index), `event ${i}: access ${at} has another index`);
        expect((types[at] === 1) === (direction === 'w'), `event ${i}: access ${at} has another direction`);
        expect((values?.[at] ?? 0n) === BigInt((value as string) ?? 0), `event ${i}: access ${at} has another value`);
      }
    }
    const canonical = formatScenario(scenario);
    const again = parseScenario(JSON.parse(canonical), 'again');
    expect(isDeepStrictEqual(again, scenario), 'JSON gives back another scenario');
    expect(formatScenario(again) === canonical, 'equal scenarios give different JSON');
  },
};
