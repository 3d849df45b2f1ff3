/**
 * Reader of ground truth: what real kernels did with random filters, recorded through their `/dev/kvm`. The
 * format is described in `test/ground-truth/README.md`: JSON lines, a header and then one case per line.
 */
import { gunzipSync } from 'node:zlib';
import { readLimitedFile } from '../files/read-limited.ts';
import { BASE_OUTCOME_NAMES, BaseOutcome, type BaseRow, BaseTable } from '../model/base.ts';
import {
  KVM_MSR_EXIT_REASON_VALID_MASK,
  KVM_MSR_FILTER_MAX_RANGES,
  type MsrFilter,
  X2APIC_FIRST,
  X2APIC_LAST,
} from '../model/filter.ts';
import { InputError } from '../model/input-error.ts';
import {
  at,
  type JsonPlace,
  readAnyObject,
  readArray,
  readInteger,
  readObject,
  readString,
  readU32,
  readU64,
  readWord,
  reject,
  show,
} from '../model/json-fields.ts';
import { parseJsonText } from '../model/json-text.ts';
import {
  type AccessBatch,
  APIC_MODE_NAMES,
  ApicMode,
  BATCH_MAX_ACCESSES,
  SCENARIO_MAX_EVENTS,
  type Scenario,
  type ScenarioEvent,
} from '../model/scenario.ts';
import { VERDICT_NAMES } from '../model/verdict.ts';

/** How the recorder's RDMSR / WRMSR reached KVM: access form `native` or `emulator`. */
const ACCESS_PATHS = ['direct', 'emulator'] as const;
export type AccessPath = (typeof ACCESS_PATHS)[number];

/**
 * What the kernel answered to one event: 0 or a negative errno for `filter` and `cap`, one `Verdict` byte per
 * access for `access`, null where nothing was recorded.
 */
export type RecordedResult = number | Uint8Array | null;

export interface GroundTruthCase {
  /** Line in the file, from 1; the header is line 1. */
  readonly line: number;
  /** `cap`, `filter` and `access` events, as recorded; batches have the form `emulator` if that was the path. */
  readonly events: readonly ScenarioEvent[];
  /** As long as `events`. */
  readonly expected: readonly RecordedResult[];
}

/** One recording. */
export interface GroundTruthFile {
  readonly path: string;
  /** Kernel release and distribution, such as "Linux 6.1.0 (Debian 6.1.0-56-amd64)". */
  readonly kernel: string;
  /** Modules, such as "kvm,kvm_amd". */
  readonly modules: string;
  readonly accessPath: AccessPath;
  readonly apic: ApicMode;
  readonly seed: number;
  /** Outcomes with no filter, as measured; ascending by index. */
  readonly baseRows: readonly BaseRow[];
  readonly base: BaseTable;
  readonly cases: readonly GroundTruthCase[];
  /** Accesses of all cases. */
  readonly accesses: number;
}

/** A case as a scenario. `expected` has one entry per event of the scenario. */
export interface RecordedScenario {
  readonly scenario: Scenario;
  readonly expected: readonly RecordedResult[];
}

/** Exit mask that the recorder's VM starts with. */
const RECORDER_MASK = BigInt(KVM_MSR_EXIT_REASON_VALID_MASK);
const PREPENDED_EVENTS = 2;

/**
 * The case with the recorder's own start in front: exit mask 7 (result 0) and, if there was one, the APIC in
 * the header's mode. The recorder answered every exit with an error; the verdicts do not depend on it.
 */
export function recordedScenario(file: Pick<GroundTruthFile, 'apic'>, recorded: GroundTruthCase): RecordedScenario {
  const events: ScenarioEvent[] = [{ kind: 'cap', mask: RECORDER_MASK }];
  const expected: RecordedResult[] = [0];
  if (file.apic !== ApicMode.NONE) {
    // "No APIC" is how a scenario starts; leaving it out lets engines without APIC modes take part.
    events.push({ kind: 'apic', mode: file.apic });
    expected.push(null);
  }
  return { scenario: { events: [...events, ...recorded.events] }, expected: [...expected, ...recorded.expected] };
}

/** Most bytes that a file may unpack to; the recordings have 2 MB. */
const MAX_UNPACKED_BYTES = 1 << 28;

/** Most lines of a recording; the recordings have some thousands. */
const MAX_LINES = 1_000_000;

/**
 * Reads and checks a whole file, `.jsonl` or `.jsonl.gz`.
 *
 * @throws InputError if it cannot be read or anything in it is malformed
 */
export function readGroundTruth(path: string): GroundTruthFile {
  return parseGroundTruth(readLimitedFile(path, MAX_UNPACKED_BYTES, 'split the recording'), path);
}

/**
 * {@link readGroundTruth} for bytes that are in memory.
 *
 * @param path names the file in messages; gzip if it ends in `.gz`
 */
export function parseGroundTruth(bytes: Uint8Array, path: string): GroundTruthFile {
  const lines = unpackText(bytes, path).split('\n');
  if (lines.at(-1) === '') lines.pop();
  if (lines.length > MAX_LINES) {
    throw new InputError(`${path}: ${lines.length} lines, and at most ${MAX_LINES} are read: split the recording`);
  }
  if (lines.length === 0) throw new InputError(`${path}:1: the header is missing; the file is empty`);
  const header = readHeader(parseJsonText(lines[0]!, path, 1), { where: `${path}:1`, path: '' });

  const cases: GroundTruthCase[] = [];
  for (let line = 2; line <= lines.length; line++) {
    const json = parseJsonText(lines[line - 1]!, path, line);
    cases.push(readCase(json, line, { where: `${path}:${line}`, path: '' }, header.recording.accessPath));
  }
  let accesses = 0;
  for (const { expected } of cases) {
    for (const result of expected) if (result instanceof Uint8Array) accesses += result.length;
  }
  checkCount(header.cases, cases.length, `${path}:1: cases`);
  checkCount(header.accesses, accesses, `${path}:1: accesses`);
  return { path, ...header.recording, cases, accesses };
}

function unpackText(bytes: Uint8Array, path: string): string {
  let unpacked = bytes;
  try {
    if (path.endsWith('.gz')) unpacked = gunzipSync(bytes, { maxOutputLength: MAX_UNPACKED_BYTES });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      const found = `${bytes.length} bytes unpack to more than ${MAX_UNPACKED_BYTES}`;
      throw new InputError(`${path}: ${found}, the most that is read: split the recording`, { cause });
    }
    throw new InputError(`${path}: not a complete gzip file: ${(cause as Error).message}`, { cause });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(unpacked);
  } catch (cause) {
    throw new InputError(`${path}: not UTF-8 text; a packed recording's name ends in .gz`, { cause });
  }
}

function checkCount(stated: number | undefined, found: number, where: string): void {
  if (stated === undefined || stated === found) return;
  throw new InputError(`${where}: the header states ${stated}, the file has ${found}; it is cut off or edited`);
}

interface Header {
  readonly recording: Omit<GroundTruthFile, 'path' | 'cases' | 'accesses'>;
  readonly cases: number | undefined;
  readonly accesses: number | undefined;
}

function readHeader(json: unknown, place: JsonPlace): Header {
  // Other keys (such as host) describe the recording and are not used.
  const object = readAnyObject(json, place);
  for (const key of ['kernel', 'modules', 'path', 'apic', 'seed', 'base']) {
    if (!Object.hasOwn(object, key)) reject(at(place, key), 'missing; line 1 must be the header of the recording');
  }
  const count = (key: string) =>
    object[key] === undefined ? undefined : readInteger(object[key], at(place, key), 0, Number.MAX_SAFE_INTEGER);
  const apic = readWord(object.apic, at(place, 'apic'), APIC_MODE_NAMES) as ApicMode;
  const baseRows = readBase(object.base, at(place, 'base'), apic);
  return {
    recording: {
      kernel: readString(object.kernel, at(place, 'kernel')),
      modules: readString(object.modules, at(place, 'modules')),
      accessPath: ACCESS_PATHS[readWord(object.path, at(place, 'path'), ACCESS_PATHS)]!,
      apic,
      seed: readInteger(object.seed, at(place, 'seed'), 0, Number.MAX_SAFE_INTEGER),
      baseRows,
      base: buildBase(baseRows, at(place, 'base')),
    },
    cases: count('cases'),
    accesses: count('accesses'),
  };
}

/**
 * Rows of the MSRs measured. A direction that was not measured has the outcome that a base table gives to MSRs
 * it does not list.
 */
function readBase(json: unknown, place: JsonPlace, apic: ApicMode): BaseRow[] {
  const { r, w } = readObject(json, place, ['r', 'w']);
  const reads = readOutcomes(r, at(place, 'r'), apic);
  const writes = readOutcomes(w, at(place, 'w'), apic);
  return [...new Set([...reads.keys(), ...writes.keys()])]
    .sort((a, b) => a - b)
    .map((index) => {
      const unlisted = inX2apicWindow(index) ? BaseOutcome.INVALID : BaseOutcome.UNKNOWN;
      return { index, read: reads.get(index) ?? unlisted, write: writes.get(index) ?? unlisted };
    });
}

function readOutcomes(json: unknown, place: JsonPlace, apic: ApicMode): Map<number, BaseOutcome> {
  const outcomes = new Map<number, BaseOutcome>();
  for (const [key, word] of Object.entries(readAnyObject(json, place))) {
    const index = readU32(key, at(place, key));
    if (outcomes.has(index)) reject(at(place, key), 'the MSR is listed twice; each has one outcome per direction');
    const outcome = readWord(word, at(place, key), BASE_OUTCOME_NAMES) as BaseOutcome;
    if (inX2apicWindow(index) && apic !== ApicMode.X2APIC) {
      // Rows of the window hold in x2APIC mode; a base table has every other mode as invalid.
      if (outcome === BaseOutcome.INVALID) continue;
      reject(at(place, key), `${show(word)}; MSRs 0x800 to 0x8ff must be "inval" unless apic is x2apic`);
    }
    outcomes.set(index, outcome);
  }
  return outcomes;
}

function inX2apicWindow(index: number): boolean {
  return index >= X2APIC_FIRST && index <= X2APIC_LAST;
}

function buildBase(rows: readonly BaseRow[], place: JsonPlace): BaseTable {
  try {
    return new BaseTable(rows);
  } catch (cause) {
    return reject(place, (cause as Error).message);
  }
}

function readCase(json: unknown, line: number, place: JsonPlace, path: AccessPath): GroundTruthCase {
  const eventsPlace = at(place, 'events');
  const most = SCENARIO_MAX_EVENTS - PREPENDED_EVENTS;
  const events: ScenarioEvent[] = [];
  const expected: RecordedResult[] = [];
  for (const [position, value] of readArray(readObject(json, place, ['events']).events, eventsPlace, most).entries()) {
    const [event, result] = readEvent(value, at(eventsPlace, position), path);
    events.push(event);
    expected.push(result);
  }
  return { line, events, expected };
}

function readEvent(value: unknown, place: JsonPlace, path: AccessPath): [ScenarioEvent, RecordedResult] {
  const keys = readAnyObject(value, place);
  if (Object.hasOwn(keys, 'access')) {
    const { access, verdict } = readObject(value, place, ['access', 'verdict']);
    const batch = readAccesses(access, at(place, 'access'), path);
    return [{ kind: 'access', batch }, readVerdicts(verdict, at(place, 'verdict'), batch.indices.length)];
  }
  if (Object.hasOwn(keys, 'filter')) {
    const { filter, ret } = readObject(value, place, ['filter', 'ret']);
    return [{ kind: 'filter', filter: readFilter(filter, at(place, 'filter')) }, readRet(ret, place)];
  }
  if (Object.hasOwn(keys, 'cap')) {
    const { cap, ret } = readObject(value, place, ['cap', 'ret']);
    return [{ kind: 'cap', mask: readU64(cap, at(place, 'cap')) }, readRet(ret, place)];
  }
  return reject(place, 'expected an event with the key cap, filter or access');
}

/** MAX_ERRNO of the kernel (include/linux/err.h). */
const MAX_ERRNO = 4095;

function readRet(value: unknown, place: JsonPlace): number {
  return readInteger(value, at(place, 'ret'), -MAX_ERRNO, 0);
}

function readFilter(json: unknown, place: JsonPlace): MsrFilter {
  const object = readObject(json, place, ['flags', 'ranges']);
  const rangesPlace = at(place, 'ranges');
  return {
    flags: readU32(object.flags, at(place, 'flags')),
    ranges: readArray(object.ranges, rangesPlace, KVM_MSR_FILTER_MAX_RANGES).map((value, slot) => {
      const rangePlace = at(rangesPlace, slot);
      const range = readObject(value, rangePlace, ['flags', 'nmsrs', 'base', 'bitmap']);
      return {
        flags: readU32(range.flags, at(rangePlace, 'flags')),
        nmsrs: readU32(range.nmsrs, at(rangePlace, 'nmsrs')),
        base: readU32(range.base, at(rangePlace, 'base')),
        bitmap: range.bitmap === null ? null : readBase64(range.bitmap, at(rangePlace, 'bitmap')),
      };
    }),
  };
}

function readBase64(value: unknown, place: JsonPlace): Uint8Array {
  const text = readString(value, place);
  const bytes = Buffer.from(text, 'base64');
  // Buffer skips what is not base64, so only text that it would write itself is taken.
  if (bytes.toString('base64') !== text) reject(place, `expected base64 with padding or null, found ${show(text)}`);
  return new Uint8Array(bytes);
}

/** Words by `AccessType`. */
const ACCESS_WORDS = ['r', 'w'];

function readAccesses(json: unknown, place: JsonPlace, path: AccessPath): AccessBatch {
  const accesses = readArray(json, place, BATCH_MAX_ACCESSES);
  const indices = new Uint32Array(accesses.length);
  const types = new Uint8Array(accesses.length);
  for (const [position, access] of accesses.entries()) {
    const accessPlace = at(place, position);
    if (!Array.isArray(access) || access.length !== 2) {
      reject(accessPlace, `expected [index, "r"] or [index, "w"], found ${show(access)}`);
    }
    indices[position] = readU32(access[0], at(accessPlace, 0));
    types[position] = readWord(access[1], at(accessPlace, 1), ACCESS_WORDS);
  }
  return path === 'emulator' ? { form: 'emulator', indices, types } : { indices, types };
}

function readVerdicts(json: unknown, place: JsonPlace, accesses: number): Uint8Array {
  const words = readArray(json, place);
  if (words.length !== accesses)
    reject(place, `${words.length} verdicts for ${accesses} accesses; one each is expected`);
  return Uint8Array.from(words, (word, position) => readWord(word, at(place, position), VERDICT_NAMES));
}
