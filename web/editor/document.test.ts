import { describe, expect, test } from 'vitest';
import { encodeFilter } from '../../src/model/filter-binary.ts';
import { formatFilter } from '../../src/model/filter-json.ts';
import { formatScenario } from '../../src/model/scenario-json.ts';
import { edgeAccesses, FIRST_FILTER, readBytes, readText, startScenario, withFilter } from './document.ts';

const OTHER = { flags: 0, ranges: [{ flags: 2, base: 0x10, nmsrs: 1, bitmap: new Uint8Array(8) }] };
const json = (text: string) => new TextEncoder().encode(text);

describe('a file', () => {
  test('that is a scenario takes the place of everything', () => {
    const text = '{"events": [{"access": [["0x1", "r"]]}]}';
    expect(formatScenario(readBytes(json(text), 'a.json', startScenario()))).toBe(
      '{"events": [\n  {"access": [["0x1", "r"]]}\n]}\n',
    );
  });

  test.each([
    ['JSON', json(`\n${formatFilter(OTHER)}`)],
    ['the binary struct', encodeFilter(OTHER)],
  ])('that is a filter as %s takes the place of the filter', (_, bytes) => {
    const { events } = readBytes(bytes, 'filter', startScenario());
    expect(events.map(({ kind }) => kind)).toEqual(['cap', 'apic', 'filter', 'access']);
    expect(events[2]).toEqual({ kind: 'filter', filter: OTHER });
    expect(events[3]).toEqual({ kind: 'access', batch: edgeAccesses(OTHER) });
  });

  test('that is neither is told of in one line', () => {
    expect(() => readBytes(json('{"events": ['), 'x.json', startScenario())).toThrow('x.json:1:13: not valid JSON');
    expect(() => readBytes(Uint8Array.of(1, 2), 'x.bin', startScenario())).toThrow('x.bin: 2 bytes');
    expect(() => readText('{"event": []}', 'scenario', startScenario())).toThrow('scenario: event: unknown key');
  });
});

test('a filter is added where there is none', () => {
  expect(withFilter({ events: [] }, OTHER).events.map(({ kind }) => kind)).toEqual(['filter', 'access']);
});

test('the edges of a range are its ends and their neighbours, each read and written', () => {
  expect([...edgeAccesses(FIRST_FILTER).indices]).toEqual([0x173, 0x173, 0x174, 0x174, 0x176, 0x176, 0x177, 0x177]);
  const last = { flags: 0, ranges: [{ flags: 3, base: 0xffff_ffff, nmsrs: 1, bitmap: null }] };
  expect([...new Set(edgeAccesses(last).indices)]).toEqual([0xffff_fffe, 0xffff_ffff]);
});
