import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { BaseOutcome } from '../model/base.ts';
import { InputError } from '../model/input-error.ts';
import { ApicMode } from '../model/scenario.ts';
import { Verdict } from '../model/verdict.ts';
import { parseGroundTruth, readGroundTruth, recordedScenario } from './ground-truth.ts';

const DIRECTORY = join(import.meta.dirname, '../../test/ground-truth');
const RECORDINGS = readdirSync(DIRECTORY, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.gz'));

const HEADER = {
  kernel: 'Linux 6.1.0',
  modules: 'kvm,kvm_amd',
  host: 'x',
  path: 'direct',
  apic: 'none',
  seed: 1,
  base: { r: { '0x10': 'allow', '0x801': 'inval' }, w: { '0x10': 'inval', '0x20': 'allow' } },
};
const RANGE = { flags: 3, nmsrs: 9, base: 0x10, bitmap: '//////////8=' };
const CASE = {
  events: [
    { cap: 8, ret: -22 },
    { filter: { flags: 1, ranges: [RANGE, { ...RANGE, bitmap: null }] }, ret: -14 },
    {
      access: [
        [16, 'r'],
        [4294967295, 'w'],
      ],
      verdict: ['allow', 'unknown'],
    },
  ],
};

const jsonLines = (...lines: unknown[]) => `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`;
const parseText = (text: string) => parseGroundTruth(new TextEncoder().encode(text), 'g.jsonl');
const parseLines = (...lines: unknown[]) => parseText(jsonLines(...lines));
const event = (value: unknown) => ({ events: [value] });

describe('the recordings', () => {
  it('are found', () => {
    expect(RECORDINGS.length).toBeGreaterThanOrEqual(11);
  });

  it.each(RECORDINGS)('%s is read completely', (name) => {
    const file = readGroundTruth(join(DIRECTORY, name));
    const [first] = gunzipSync(readFileSync(join(DIRECTORY, name)))
      .toString('utf8')
      .split('\n', 1);
    const header = JSON.parse(first!);
    expect(file.cases.length).toBe(header.cases);
    expect(file.accesses).toBe(header.accesses);
    expect([file.kernel, file.modules, file.accessPath, file.seed]).toEqual([
      header.kernel,
      header.modules,
      header.path,
      header.seed,
    ]);
    expect(file.apic).toBe(name.includes('x2apic') ? ApicMode.X2APIC : ApicMode.NONE);
    const words = ['allow', 'unknown', 'inval'];
    for (const [type, outcomes] of [header.base.r, header.base.w].entries()) {
      for (const [index, word] of Object.entries(outcomes)) {
        expect(words[file.base.outcome(Number(index), type as 0 | 1, file.apic)]).toBe(word);
      }
    }
    for (const recorded of file.cases) {
      const { scenario, expected } = recordedScenario(file, recorded);
      expect(expected.length).toBe(scenario.events.length);
      for (const event of scenario.events) {
        if (event.kind !== 'access') continue;
        expect(event.batch.form ?? 'native').toBe(name.includes('emulator') ? 'emulator' : 'native');
      }
    }
  });
});

describe('parseGroundTruth', () => {
  it('reads header and cases', () => {
    const file = parseLines({ ...HEADER, cases: 1, accesses: 2 }, CASE);
    const { base, ...rest } = file;
    const ranges = [
      { flags: 3, nmsrs: 9, base: 0x10, bitmap: new Uint8Array(8).fill(0xff) },
      { flags: 3, nmsrs: 9, base: 0x10, bitmap: null },
    ];
    expect(rest).toEqual({
      path: 'g.jsonl',
      kernel: 'Linux 6.1.0',
      modules: 'kvm,kvm_amd',
      accessPath: 'direct',
      apic: ApicMode.NONE,
      seed: 1,
      baseRows: [
        { index: 0x10, read: BaseOutcome.HANDLED, write: BaseOutcome.INVALID },
        { index: 0x20, read: BaseOutcome.UNKNOWN, write: BaseOutcome.HANDLED },
      ],
      cases: [
        {
          line: 2,
          events: [
            { kind: 'cap', mask: 8n },
            { kind: 'filter', filter: { flags: 1, ranges } },
            {
              kind: 'access',
              batch: { indices: Uint32Array.of(16, 0xffff_ffff), types: Uint8Array.of(0, 1) },
            },
          ],
          expected: [-22, -14, Uint8Array.of(Verdict.ALLOW, Verdict.EXIT_UNKNOWN)],
        },
      ],
      accesses: 2,
    });
    expect(base.outcome(0x10, 1, ApicMode.NONE)).toBe(BaseOutcome.INVALID);
    expect(base.outcome(0x801, 0, ApicMode.NONE)).toBe(BaseOutcome.INVALID);
  });

  it('reads gzip by name', () => {
    const text = jsonLines(HEADER, CASE);
    expect(parseGroundTruth(gzipSync(text), 'g.jsonl.gz').cases).toEqual(parseText(text).cases);
  });

  it('puts the start of the recorded VM in front of each case', () => {
    const recorded = { line: 2, events: [{ kind: 'cap' as const, mask: 1n }], expected: [0] };
    expect(recordedScenario({ apic: ApicMode.NONE }, recorded)).toEqual({
      scenario: {
        events: [
          { kind: 'cap', mask: 7n },
          { kind: 'cap', mask: 1n },
        ],
      },
      expected: [0, 0],
    });
    expect(recordedScenario({ apic: ApicMode.X2APIC }, recorded)).toEqual({
      scenario: {
        events: [
          { kind: 'cap', mask: 7n },
          { kind: 'apic', mode: 2 },
          { kind: 'cap', mask: 1n },
        ],
      },
      expected: [0, null, 0],
    });
  });
});

describe('malformed recordings', () => {
  const filterOf = (fields: object) =>
    event({ filter: { flags: 0, ranges: [RANGE, { ...RANGE, ...fields }] }, ret: 0 });
  const access = (accesses: unknown, verdict: unknown) => event({ access: accesses, verdict });
  it.each<[unknown[], string]>([
    [[CASE], 'g.jsonl:1: kernel: missing; line 1 must be the header of the recording'],
    [[{ ...HEADER, path: 'both' }], 'g.jsonl:1: path: expected one of direct, emulator; found "both"'],
    [[{ ...HEADER, apic: 'on' }], 'g.jsonl:1: apic: expected one of none, xapic, x2apic; found "on"'],
    [[{ ...HEADER, seed: '1' }], 'g.jsonl:1: seed: expected an integer from 0'],
    [[{ ...HEADER, base: { r: {} } }], 'g.jsonl:1: base.w: missing'],
    [[{ ...HEADER, base: { r: { '0x1': 'ok' }, w: {} } }], 'g.jsonl:1: base.r.0x1: expected one of allow, unknown'],
    [[{ ...HEADER, base: { r: {}, w: { '1f': 'allow' } } }], 'g.jsonl:1: base.w.1f: expected a number from 0'],
    [[{ ...HEADER, base: { r: { '0x802': 'allow' }, w: {} } }], 'g.jsonl:1: base.r.0x802: "allow"; MSRs 0x800 to'],
    [[{ ...HEADER, cases: 2 }, CASE], 'g.jsonl:1: cases: the header states 2, the file has 1; it is cut off'],
    [[{ ...HEADER, accesses: 3 }, CASE], 'g.jsonl:1: accesses: the header states 3, the file has 2'],
    [[HEADER, CASE, { event: [] }], 'g.jsonl:3: event: unknown key; known here: events'],
    [[HEADER, event({ ret: 0 })], 'g.jsonl:2: events[0]: expected an event with the key cap, filter or access'],
    [[HEADER, event({ cap: 7 })], 'g.jsonl:2: events[0].ret: missing'],
    [[HEADER, event({ cap: -7, ret: 0 })], 'g.jsonl:2: events[0].cap: expected a hex string'],
    [[HEADER, event({ cap: 7, ret: 1 })], 'g.jsonl:2: events[0].ret: expected an integer from -4095 to 0, found 1'],
    [[HEADER, filterOf({ base: 2 ** 32 })], 'g.jsonl:2: events[0].filter.ranges[1].base: expected a number from 0'],
    [[HEADER, filterOf({ bitmap: '%%%%' })], 'g.jsonl:2: events[0].filter.ranges[1].bitmap: expected base64'],
    [[HEADER, filterOf({ bitmap: '//8' })], 'g.jsonl:2: events[0].filter.ranges[1].bitmap: expected base64'],
    [[HEADER, filterOf({ bitmap: 3 })], 'g.jsonl:2: events[0].filter.ranges[1].bitmap: expected a string, found 3'],
    [
      [HEADER, event({ filter: { flags: 0, ranges: new Array(17).fill(RANGE) }, ret: 0 })],
      'g.jsonl:2: events[0].filter.ranges: 17 entries; at most 16 are possible',
    ],
    [
      [HEADER, access([[1, 'r']], ['maybe'])],
      'g.jsonl:2: events[0].verdict[0]: expected one of allow, gp, filter, unknown, inval; found "maybe"',
    ],
    [[HEADER, access([[1, 'r']], [])], 'g.jsonl:2: events[0].verdict: 0 verdicts for 1 accesses'],
    [[HEADER, access([[-1, 'r']], ['gp'])], 'g.jsonl:2: events[0].access[0][0]: expected a number from 0'],
    [[HEADER, access([[1, 'x']], ['gp'])], 'g.jsonl:2: events[0].access[0][1]: expected one of r, w; found "x"'],
    [[HEADER, access([[1]], ['gp'])], 'g.jsonl:2: events[0].access[0]: expected [index, "r"]'],
  ])('%#: %s', (lines, message) => {
    const parse = () => parseLines(...lines);
    expect(parse).toThrow(InputError);
    expect(parse).toThrow(message);
  });

  it('names file and position of text that is not JSON', () => {
    expect(() => parseText('')).toThrow('g.jsonl:1: the header is missing; the file is empty');
    expect(() => parseText(`${jsonLines(HEADER, CASE)}{"events": [}\n`)).toThrow('g.jsonl:3:13: not valid JSON');
    expect(() => parseText(`${jsonLines(HEADER)}\n${jsonLines(CASE)}`)).toThrow('g.jsonl:2:1: not valid JSON');
  });

  it('refuses damaged gzip, bytes that are not text, and missing files', () => {
    const packed = gzipSync(jsonLines(HEADER, CASE));
    const parse = (bytes: Uint8Array, path: string) => () => parseGroundTruth(bytes, path);
    expect(parse(packed.subarray(0, -9), 'g.jsonl.gz')).toThrow(/^g\.jsonl\.gz: not a complete gzip file: /);
    expect(parse(Buffer.from('{}'), 'g.jsonl.gz')).toThrow(InputError);
    expect(parse(packed, 'g.jsonl')).toThrow("g.jsonl: not UTF-8 text; a packed recording's name ends in .gz");
    expect(() => readGroundTruth('no/such/file.jsonl')).toThrow(InputError);
    expect(() => readGroundTruth('no/such/file.jsonl')).toThrow(
      'no/such/file.jsonl cannot be read (ENOENT): check the path',
    );
  });

  it('refuses a base table that spans too many blocks', () => {
    const r = Object.fromEntries(
      Array.from({ length: 1100 }, (_, block) => [`0x${(block << 16).toString(16)}`, 'allow']),
    );
    expect(() => parseLines({ ...HEADER, base: { r, w: {} } })).toThrow(InputError);
  });
});
