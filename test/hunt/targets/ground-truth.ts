import { isDeepStrictEqual } from 'node:util';
import { gunzipSync, gzipSync } from 'node:zlib';
import { parseGroundTruth, recordedScenario } from '../../../src/corpus/ground-truth.ts';
import { formatScenario, parseScenario } from '../../../src/model/scenario-json.ts';
import { checkFilter, isU32 } from '../check-filter.ts';
import { accepted, expect, type Target } from '../target.ts';

const HEADER =
  '{"kernel":"Linux 6.1.0","modules":"kvm,kvm_amd","path":"direct","apic":"none","seed":7,' +
  '"base":{"r":{"0x10":"allow","0x11":"unknown"},"w":{"0x10":"inval"}},"cases":1,"accesses":2}';
const CASE =
  '{"events":[{"cap":"0x7","ret":0},{"filter":{"flags":1,"ranges":[{"flags":3,"nmsrs":8,"base":16,' +
  '"bitmap":"/wAAAAAAAAA="}]},"ret":0},{"access":[[16,"r"],[17,"w"]],"verdict":["allow","filter"]}]}';

/** The first byte chooses: a packed file, or text. */
const PACKED = 0x1f;

export const target: Target = {
  name: 'ground-truth',
  form: 'text',
  seeds: [
    `${HEADER}\n${CASE}\n`,
    `${HEADER.replace('none', 'x2apic').replace('direct', 'emulator').replace(',"cases":1,"accesses":2', '')}\n${CASE}\n${CASE}`,
    gzipSync(`${HEADER}\n${CASE}\n`),
  ],
  words: [
    ...[
      '"kernel"',
      '"path"',
      '"apic"',
      '"base"',
      '"cases"',
      '"accesses"',
      '"events"',
      '"verdict"',
      '"ret"',
      '"filter"',
    ],
    ...[
      '"emulator"',
      '"x2apic"',
      '"allow"',
      '"unknown"',
      '"inval"',
      '"gp"',
      '"access"',
      '"cap"',
      '"0x800"',
      '{',
      '}',
      '\n',
    ],
    ...['[16,"r"]', '"0x010":"inval"', 'null', '-4095', '-22', '"AAA="', '"AA"', ','],
  ],
  sources: ['src/corpus/ground-truth', 'src/model/base', 'src/model/json-'],
  run(input) {
    const packed = input[0] === PACKED;
    const file = accepted(() => parseGroundTruth(input, packed ? 'FILE.jsonl.gz' : 'FILE.jsonl'), 'FILE');
    if (!file) return;
    const text = packed ? gunzipSync(input).toString() : Buffer.from(input).toString();
    const lines = text.split('\n').filter((line, i, all) => line !== '' || i < all.length - 1);
    expect(file.cases.length === lines.length - 1, `${file.cases.length} cases of ${lines.length} lines`);
    // Rows are what the header lists, one for each MSR.
    const indices = file.baseRows.map(({ index }) => index);
    expect(indices.every(isU32) && new Set(indices).size === indices.length, 'rows of the base twice, or of no MSR');
    const { base } = JSON.parse(lines[0]!) as { base: { r: Record<string, string>; w: Record<string, string> } };
    for (const [type, words] of [base.r, base.w].entries()) {
      for (const [key, word] of Object.entries(words)) {
        const at = file.baseRows.find(({ index }) => index === Number(key));
        const outcome = ['allow', 'unknown', 'inval'][(type === 0 ? at?.read : at?.write) ?? 2];
        expect(outcome === word, `the base of ${key} is ${outcome}, and the file says ${word}`);
      }
    }
    for (const recorded of file.cases) {
      expect(recorded.events.length === recorded.expected.length, 'results and events differ in number');
      const { scenario, expected } = recordedScenario(file, recorded);
      expect(scenario.events.length === expected.length, 'results and events of the scenario differ in number');
      for (const [i, event] of scenario.events.entries()) {
        if (event.kind === 'filter') checkFilter(event.filter);
        const result = expected[i];
        if (event.kind === 'access') {
          const verdicts = result as Uint8Array;
          expect(verdicts.length === event.batch.indices.length, 'verdicts and accesses differ in number');
          expect(
            verdicts.every((verdict) => verdict <= 4),
            'a verdict that is none',
          );
        }
      }
      const canonical = formatScenario(scenario);
      expect(
        isDeepStrictEqual(formatScenario(parseScenario(JSON.parse(canonical), 'again')), canonical),
        'its JSON is not canonical',
      );
    }
  },
};
