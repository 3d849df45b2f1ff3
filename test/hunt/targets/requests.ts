import { FrameReader, FrameWriter } from '../../../src/engines/remote/frames.ts';
import { encodeAccess, encodeCandidates, encodeCap, encodeFilter } from '../../../src/engines/remote/requests.ts';
import { parseJsonText } from '../../../src/model/json-text.ts';
import { FILTER_DELIVERIES, type ScenarioEvent } from '../../../src/model/scenario.ts';
import { parseScenario } from '../../../src/model/scenario-json.ts';
import { accepted, asText, expect, type Target } from '../target.ts';
import { SCENARIO_SEEDS, SCENARIO_WORDS } from './scenario.ts';

/** What the kernel looks at of a bitmap is less by far. */
const SENT_BYTES = 1 << 16;

function encode(writer: FrameWriter, event: ScenarioEvent): boolean {
  if (event.kind === 'filter') encodeFilter(writer, event.filter, event.delivery ?? 'normal');
  else if (event.kind === 'cap') encodeCap(writer, event);
  else if (event.kind === 'candidates') encodeCandidates(writer, event.changes);
  else if (event.kind === 'access') encodeAccess(writer, event.batch);
  else return false;
  return true;
}

/** Reads the payload by docs/engine-protocol.md, field by field. */
function check(payload: Buffer, event: ScenarioEvent): void {
  let at = 0;
  const u32 = (): number => {
    at += 4;
    return payload.readUInt32LE(at - 4);
  };
  if (event.kind === 'filter') {
    const { flags, ranges } = event.filter;
    expect(FILTER_DELIVERIES[u32()] === (event.delivery ?? 'normal'), 'another delivery');
    expect(u32() === flags && u32() === ranges.length, 'other flags, or another number of ranges');
    for (const range of ranges) {
      expect(u32() === range.flags && u32() === range.nmsrs && u32() === range.base, 'a range with other fields');
      const length = u32();
      const bytes = range.bitmap?.subarray(0, SENT_BYTES);
      expect(bytes === undefined ? length === 0xffff_ffff : length === bytes.length, 'a bitmap of another length');
      if (bytes === undefined) continue;
      expect(payload.subarray(at, at + length).equals(bytes), 'a bitmap with other bytes');
      at += length;
    }
  } else if (event.kind === 'cap') {
    expect(u32() === (event.cap ?? 188) && u32() === (event.flags ?? 0), 'another capability');
    expect(payload.readBigUInt64LE(at) === event.mask, 'another mask');
    at += 8;
  } else if (event.kind === 'candidates') {
    expect(u32() === event.changes.length, 'another number of candidates');
    for (const { index, read, write } of event.changes) {
      expect(u32() === index && u32() === Number(read) + 256 * Number(write), 'another candidate');
    }
  } else if (event.kind === 'access') {
    const { indices, types, values } = event.batch;
    expect(u32() === indices.length, 'another number of accesses');
    u32();
    for (const index of indices) expect(u32() === index, 'another index');
    expect(payload.subarray(at, at + types.length).equals(types), 'other directions');
    at += types.length + (values === undefined ? 0 : 8 * values.length);
  }
  expect(at === payload.length, `${payload.length} bytes, and ${at} expected`);
}

export const target: Target = {
  name: 'requests',
  form: 'json',
  seeds: SCENARIO_SEEDS,
  words: SCENARIO_WORDS,
  sources: ['src/engines/remote/requests', 'src/engines/remote/frames'],
  run(input) {
    const scenario = accepted(() => parseScenario(parseJsonText(asText(input), 'FILE'), 'FILE'));
    if (!scenario) return;
    const writer = new FrameWriter();
    const sent = scenario.events.filter((event) => encode(writer, event));
    const reader = new FrameReader();
    reader.feed(writer.take());
    for (const event of sent) check(Buffer.from(reader.next()!.payload), event);
    expect(reader.next() === undefined, 'more frames than events');
  },
};
