/** Scenarios as JSON. The text that `formatScenario` writes is a scenario's identity. */
import { KVM_CAP_X86_USER_SPACE_MSR } from './filter.ts';
import { type FilterJson, filterToJson, readFilter } from './filter-json.ts';
import {
  at,
  hex,
  type JsonPlace,
  readAnyObject,
  readArray,
  readBoolean,
  readInteger,
  readObject,
  readU32,
  readU64,
  readWord,
  reject,
  show,
  toU32,
  toU64,
  U32_FORM,
  U64_FORM,
} from './json-fields.ts';
import { compactJson } from './json-text.ts';
import {
  ACCESS_FORMS,
  type AccessBatch,
  type AccessEvent,
  type AccessForm,
  APIC_MODE_NAMES,
  type ApicMode,
  BATCH_MAX_ACCESSES,
  type CapEvent,
  FILTER_DELIVERIES,
  type FilterDelivery,
  type FilterEvent,
  type MsrPassthrough,
  type NestedEvent,
  PASSTHROUGH_MAX,
  type ReplyEvent,
  SCENARIO_MAX_EVENTS,
  type Scenario,
  type ScenarioEvent,
} from './scenario.ts';
import { AccessType } from './verdict.ts';

/** Index and value; the value only of writes, and only if it is not 0. */
export type AccessJson = readonly [index: string, direction: 'r' | 'w', value?: string];
export type PassthroughJson = readonly [index: string, directions: 'r' | 'w' | 'rw' | 'none'];

/** One event: an object with the key of the event's kind, and keys for what differs from the default. */
export type EventJson =
  | { readonly filter: FilterJson; readonly delivery?: FilterDelivery }
  | { readonly cap: string; readonly flags?: string; readonly number?: number }
  | { readonly ignoreMsrs: boolean }
  | { readonly apic: string }
  | { readonly candidates: readonly PassthroughJson[] }
  | { readonly access: readonly AccessJson[]; readonly form?: AccessForm }
  | { readonly reply: { readonly error: number; readonly data: string } }
  | {
      readonly nested: {
        readonly bitmaps: boolean;
        readonly mapped: boolean;
        readonly passthrough: readonly PassthroughJson[];
        readonly clean?: true;
      };
    };

/** The JSON form of {@link Scenario}. */
export interface ScenarioJson {
  /** In order. */
  readonly events: readonly EventJson[];
}

/** Bit 0: read, bit 1: write. */
const DIRECTION_WORDS = ['none', 'r', 'w', 'rw'] as const;
/** Words by `AccessType`. */
const ACCESS_WORDS = ['r', 'w'] as const;

/**
 * Reads a scenario. What has its default value (see `scenario.ts`) is absent from the result; so are the `values`
 * of a batch if all are 0.
 *
 * @param where the file that the JSON comes from, for messages
 * @throws InputError that names the field
 */
export function parseScenario(json: unknown, where: string): Scenario {
  const place: JsonPlace = { where, path: '' };
  const eventsPlace = at(place, 'events');
  const events = readArray(readObject(json, place, ['events']).events, eventsPlace, SCENARIO_MAX_EVENTS);
  return { events: events.map((event, position) => readEvent(event, at(eventsPlace, position))) };
}

type Kind = ScenarioEvent['kind'];

/** Keys that an event may have besides its kind. */
const MODIFIERS: Record<Kind, readonly string[]> = {
  filter: ['delivery'],
  cap: ['flags', 'number'],
  ignoreMsrs: [],
  apic: [],
  candidates: [],
  access: ['form'],
  reply: [],
  nested: [],
};
const KINDS = Object.keys(MODIFIERS) as Kind[];

function readEvent(value: unknown, place: JsonPlace): ScenarioEvent {
  const keys = Object.keys(readAnyObject(value, place));
  const [kind, ...more] = KINDS.filter((name) => keys.includes(name));
  if (kind === undefined || more.length > 0) {
    const found = keys.length === 0 ? 'none' : show(keys.join(', '));
    reject(place, `expected exactly one key of ${KINDS.join(', ')}; found ${found}`);
  }
  const object = readObject(value, place, [kind], MODIFIERS[kind]);
  const main = object[kind];
  const mainPlace = at(place, kind);
  switch (kind) {
    case 'filter':
      return readFilterEvent(object, place);
    case 'cap':
      return readCap(object, place);
    case 'ignoreMsrs':
      return { kind, on: readBoolean(main, mainPlace) };
    case 'apic':
      return { kind, mode: readWord(main, mainPlace, APIC_MODE_NAMES) as ApicMode };
    case 'candidates':
      return { kind, changes: readPassthrough(main, mainPlace) };
    case 'access':
      return readAccessEvent(object, place);
    case 'reply':
      return readReply(main, mainPlace);
    case 'nested':
      return readNested(main, mainPlace);
  }
}

function readFilterEvent(object: Record<string, unknown>, place: JsonPlace): FilterEvent {
  const filter = readFilter(object.filter, at(place, 'filter'));
  const delivery = readOptionalWord(object.delivery, at(place, 'delivery'), FILTER_DELIVERIES);
  return delivery === undefined ? { kind: 'filter', filter } : { kind: 'filter', filter, delivery };
}

function readCap(object: Record<string, unknown>, place: JsonPlace): CapEvent {
  const mask = readU64(object.cap, at(place, 'cap'));
  const flags = object.flags === undefined ? 0 : readU32(object.flags, at(place, 'flags'));
  const cap = object.number === undefined ? KVM_CAP_X86_USER_SPACE_MSR : readU32(object.number, at(place, 'number'));
  return {
    kind: 'cap',
    mask,
    ...(flags === 0 ? {} : { flags }),
    ...(cap === KVM_CAP_X86_USER_SPACE_MSR ? {} : { cap }),
  };
}

function readAccessEvent(object: Record<string, unknown>, place: JsonPlace): AccessEvent {
  const batch = readAccesses(object.access, at(place, 'access'));
  const form = readOptionalWord(object.form, at(place, 'form'), ACCESS_FORMS);
  return { kind: 'access', batch: form === undefined ? batch : { form, ...batch } };
}

/** One of the words, the first of which is the default; undefined for the default. */
function readOptionalWord<Word extends string>(
  value: unknown,
  place: JsonPlace,
  words: readonly Word[],
): Word | undefined {
  const position = value === undefined ? 0 : readWord(value, place, words);
  return position === 0 ? undefined : words[position];
}

function readAccesses(value: unknown, place: JsonPlace): AccessBatch {
  const accesses = readArray(value, place, BATCH_MAX_ACCESSES);
  const indices = new Uint32Array(accesses.length);
  const types = new Uint8Array(accesses.length);
  const values = new BigUint64Array(accesses.length);
  let anyValue = false;
  for (let position = 0; position < accesses.length; position++) {
    const access = accesses[position];
    if (!Array.isArray(access) || access.length < 2 || access.length > 3) {
      reject(at(place, position), `expected [index, "r"], [index, "w"] or [index, "w", value]; found ${show(access)}`);
    }
    // Places are built only for messages: a batch may have a million accesses.
    const index = toU32(access[0]);
    if (index === undefined) reject(at(at(place, position), 0), `expected ${U32_FORM}, found ${show(access[0])}`);
    indices[position] = index;
    const type = access[1] === 'w' ? AccessType.WRITE : access[1] === 'r' ? AccessType.READ : undefined;
    if (type === undefined) reject(at(at(place, position), 1), `expected "r" or "w", found ${show(access[1])}`);
    types[position] = type;
    if (access.length === 2) continue;
    if (type === AccessType.READ) reject(at(at(place, position), 2), 'a read has no value; leave it out');
    const written = toU64(access[2]);
    if (written === undefined) reject(at(at(place, position), 2), `expected ${U64_FORM}, found ${show(access[2])}`);
    values[position] = written;
    anyValue ||= written !== 0n;
  }
  return anyValue ? { indices, types, values } : { indices, types };
}

function readPassthrough(value: unknown, place: JsonPlace): MsrPassthrough[] {
  return readArray(value, place, PASSTHROUGH_MAX).map((entry, position) => {
    const entryPlace = at(place, position);
    if (!Array.isArray(entry) || entry.length !== 2) {
      reject(entryPlace, `expected [index, "r" | "w" | "rw" | "none"], found ${show(entry)}`);
    }
    const index = toU32(entry[0]);
    if (index === undefined) reject(at(entryPlace, 0), `expected ${U32_FORM}, found ${show(entry[0])}`);
    const directions = readWord(entry[1], at(entryPlace, 1), DIRECTION_WORDS);
    return { index, read: (directions & 1) !== 0, write: (directions & 2) !== 0 };
  });
}

function readReply(value: unknown, place: JsonPlace): ReplyEvent {
  const { error, data } = readObject(value, place, ['error', 'data']);
  return {
    kind: 'reply',
    error: readInteger(error, at(place, 'error'), 0, 255),
    data: readU64(data, at(place, 'data')),
  };
}

function readNested(value: unknown, place: JsonPlace): NestedEvent {
  const required = ['bitmaps', 'mapped', 'passthrough'];
  const { bitmaps, mapped, passthrough, clean } = readObject(value, place, required, ['clean']);
  const isClean = clean !== undefined && readBoolean(clean, at(place, 'clean'));
  return {
    kind: 'nested',
    bitmaps: readBoolean(bitmaps, at(place, 'bitmaps')),
    mapped: readBoolean(mapped, at(place, 'mapped')),
    passthrough: readPassthrough(passthrough, at(place, 'passthrough')),
    ...(isClean ? { clean: true } : {}),
  };
}

/**
 * The JSON form of a scenario. Left out are defaults, values that are 0, and the values of reads, which no engine
 * looks at.
 */
export function scenarioToJson(scenario: Scenario): ScenarioJson {
  return { events: scenario.events.map(eventToJson) };
}

/**
 * The scenario as canonical JSON text, one event per line, ending in a newline: equal scenarios give the same
 * bytes.
 */
export function formatScenario(scenario: Scenario): string {
  const lines = scenario.events.map((event) => `\n  ${compactJson(eventToJson(event))}`).join(',');
  return `{"events": [${lines}${lines === '' ? '' : '\n'}]}\n`;
}

function eventToJson(event: ScenarioEvent): EventJson {
  switch (event.kind) {
    case 'filter': {
      const filter = filterToJson(event.filter);
      const { delivery = 'normal' } = event;
      return delivery === 'normal' ? { filter } : { filter, delivery };
    }
    case 'cap':
      return capToJson(event);
    case 'ignoreMsrs':
      return { ignoreMsrs: event.on };
    case 'apic':
      return { apic: APIC_MODE_NAMES[event.mode] };
    case 'candidates':
      return { candidates: event.changes.map(passthroughToJson) };
    case 'access': {
      const access = accessesToJson(event.batch);
      const { form = 'native' } = event.batch;
      return form === 'native' ? { access } : { access, form };
    }
    case 'reply':
      return { reply: { error: event.error, data: hex(event.data) } };
    case 'nested': {
      const { bitmaps, mapped, clean = false } = event;
      const nested = { bitmaps, mapped, passthrough: event.passthrough.map(passthroughToJson) };
      return { nested: clean ? { ...nested, clean } : nested };
    }
  }
}

function capToJson({ mask, flags = 0, cap = KVM_CAP_X86_USER_SPACE_MSR }: CapEvent): EventJson {
  return {
    cap: hex(mask),
    ...(flags === 0 ? {} : { flags: hex(flags) }),
    ...(cap === KVM_CAP_X86_USER_SPACE_MSR ? {} : { number: cap }),
  };
}

function passthroughToJson({ index, read, write }: MsrPassthrough): PassthroughJson {
  return [hex(index), DIRECTION_WORDS[(read ? 1 : 0) | (write ? 2 : 0)]!];
}

function accessesToJson({ indices, types, values }: AccessBatch): AccessJson[] {
  return Array.from(indices, (index, position): AccessJson => {
    const type = types[position] as AccessType;
    const value = type === AccessType.WRITE ? (values?.[position] ?? 0n) : 0n;
    return value === 0n ? [hex(index), ACCESS_WORDS[type]] : [hex(index), ACCESS_WORDS[type], hex(value)];
  });
}
