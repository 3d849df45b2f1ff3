/**
 * Decodes answers. Every function takes the payload, checks its length and reserved bytes, and throws ProtocolError.
 * Whether an errno, a completion or a verdict is one is for the runner to say, as of any engine.
 */
import type { Vendor } from '../../model/catalogue.ts';
import { ACCESS_FORMS, type AccessForm } from '../../model/scenario.ts';
import type { Completion } from '../../model/verdict.ts';
import type { EventKind } from '../contract.ts';
import { readU32 } from './frames.ts';
import { HelloFlag, MAGIC, PROTOCOL_EVENTS, ProtocolError, Request, requestName, VERSION } from './protocol.ts';

/** What an engine says of itself. */
export interface Hello {
  readonly name: string;
  readonly description: string;
  readonly routes: boolean;
  readonly stats: boolean;
  readonly race: boolean;
  readonly run: boolean;
  /** A real kernel, with base outcomes of its own. */
  readonly kernel: boolean;
  readonly vendor: Vendor | undefined;
  readonly events: readonly EventKind[];
  readonly forms: readonly AccessForm[];
}

export interface ProgramResult {
  readonly status: number;
  readonly output: string;
}

export interface RaceAnswer {
  readonly changes: number;
  readonly runs: number;
  /** By access, bit n for verdict n. */
  readonly seen: Uint8Array;
}

const VENDORS: readonly (Vendor | undefined)[] = [undefined, 'vmx', 'svm'];
const MAX_NAME = 64;
const MAX_DESCRIPTION = 1000;
const MAX_ERROR = 1000;
/** Most counters of one answer. */
const MAX_STATS = 4096;
const ROUTES = 3;

export function decodeHello(payload: Uint8Array): Hello {
  const view = viewOf(payload);
  if (payload.length < 18)
    throw new ProtocolError(`answered HELLO with ${payload.length} bytes (at least 20 expected)`);
  if (readU32(payload, 0) !== MAGIC) throw new ProtocolError('answered HELLO without the magic number');
  const version = view.getUint16(4, true);
  if (version !== VERSION) throw new ProtocolError(`speaks version ${version} of the protocol instead of ${VERSION}`);
  const flags = payload[6]!;
  const vendor = payload[7]!;
  if (flags > 31) throw new ProtocolError(`states unknown flags in HELLO (${hex(flags)})`);
  if (vendor >= VENDORS.length) throw new ProtocolError(`states an unknown vendor in HELLO (${vendor})`);
  const events = namesOf(readU32(payload, 8), PROTOCOL_EVENTS, 'events');
  const forms = namesOf(readU32(payload, 12), ACCESS_FORMS, 'forms of access');
  if (!events.includes('filter') || !events.includes('access')) {
    throw new ProtocolError('does not state in HELLO that it runs filter and access events');
  }
  if (!forms.includes('native')) throw new ProtocolError('does not state in HELLO that it runs native accesses');
  const nameEnd = 18 + view.getUint16(16, true);
  if (nameEnd + 2 > payload.length) throw new ProtocolError('sent a HELLO that ends inside its name');
  const name = Buffer.from(payload.subarray(18, nameEnd)).toString('latin1');
  if (name.length > MAX_NAME || !/^[\w.@-]+$/.test(name)) {
    throw new ProtocolError(
      `has the name ${JSON.stringify(name.slice(0, MAX_NAME))}: not 1 to 64 of A-Z a-z 0-9 - _ . @`,
    );
  }
  const length = view.getUint16(nameEnd, true);
  if (length > MAX_DESCRIPTION) throw new ProtocolError(`has a description of ${length} bytes (at most 1000)`);
  expectLength(payload, nameEnd + 2 + length, 'HELLO');
  return {
    name,
    description: utf8(payload.subarray(nameEnd + 2), 'HELLO'),
    routes: (flags & HelloFlag.ROUTES) !== 0,
    stats: (flags & HelloFlag.STATS) !== 0,
    race: (flags & HelloFlag.RACE) !== 0,
    run: (flags & HelloFlag.RUN) !== 0,
    kernel: (flags & HelloFlag.KERNEL) !== 0,
    vendor: VENDORS[vendor],
    events,
    forms,
  };
}

/** 0 or a negative errno. */
export function decodeErrno(payload: Uint8Array, type: Request): number {
  expectLength(payload, 4, requestName(type));
  return readU32(payload, 0) | 0;
}

/** Views of the payload; routes are empty of engines without routes. */
export function decodeAccess(
  payload: Uint8Array,
  accesses: number,
  routes: boolean,
): { readonly verdicts: Uint8Array; readonly routes: Uint8Array } {
  expectLength(payload, routes ? accesses * 2 : accesses, `ACCESS (${accesses} accesses)`);
  const answer = { verdicts: payload.subarray(0, accesses), routes: payload.subarray(accesses) };
  for (const route of answer.routes) {
    if (route >= ROUTES) throw new ProtocolError(`answered ACCESS with ${route}, which is no route`);
  }
  return answer;
}

export function decodeReply(payload: Uint8Array): Completion {
  expectLength(payload, 4, 'REPLY');
  if (readU32(payload, 0) > 0xff) throw new ProtocolError('answered REPLY with reserved bytes that are not 0');
  return payload[0] as Completion;
}

/** By name, in the engine's order. */
export function decodeStats(payload: Uint8Array): Map<string, bigint> {
  const view = viewOf(payload);
  if (payload.length < 4) throw new ProtocolError(`answered STATS with ${payload.length} bytes (at least 4 expected)`);
  const stats = new Map<string, bigint>();
  let at = 4;
  const count = readU32(payload, 0);
  if (count > MAX_STATS) throw new ProtocolError(`answered STATS with ${count} counters (at most ${MAX_STATS})`);
  for (let left = count; left > 0; left--) {
    const end = at + 9 + (payload[at + 8] ?? 0);
    if (end > payload.length) throw new ProtocolError('answered STATS with fewer counters than it announces');
    const name = utf8(payload.subarray(at + 9, end), 'STATS');
    if (stats.has(name)) throw new ProtocolError(`answered STATS with two counters named ${JSON.stringify(name)}`);
    stats.set(name, view.getBigUint64(at, true));
    at = end;
  }
  expectLength(payload, at, 'STATS');
  return stats;
}

export function decodeRace(payload: Uint8Array, accesses: number): RaceAnswer {
  expectLength(payload, 8 + accesses, `RACE (${accesses} accesses)`);
  return { changes: readU32(payload, 0), runs: readU32(payload, 4), seen: payload.subarray(8) };
}

/** Exit status, or a negative errno, and what the program wrote. */
export function decodeRun(payload: Uint8Array): ProgramResult {
  if (payload.length < 4) throw new ProtocolError(`answered RUN with ${payload.length} bytes (at least 4 expected)`);
  return { status: viewOf(payload).getInt32(0, true), output: utf8(payload.subarray(4), 'RUN') };
}

/** The message of an answer of type ERROR. */
export function decodeError(payload: Uint8Array): string {
  if (payload.length > MAX_ERROR) throw new ProtocolError(`sent an error of ${payload.length} bytes (at most 1000)`);
  return utf8(payload, 'an error');
}

/** Checks the answer to a request of so many accesses. */
export function checkAnswer(type: Request, payload: Uint8Array, accesses: number, routes: boolean): void {
  switch (type) {
    case Request.HELLO:
      decodeHello(payload);
      return;
    case Request.FILTER:
    case Request.CAP:
      decodeErrno(payload, type);
      return;
    case Request.ACCESS:
      decodeAccess(payload, accesses, routes);
      return;
    case Request.REPLY:
      decodeReply(payload);
      return;
    case Request.STATS:
      decodeStats(payload);
      return;
    case Request.RACE:
      decodeRace(payload, accesses);
      return;
    case Request.RUN:
      decodeRun(payload);
      return;
    case Request.CONFIG:
    case Request.RESET:
    case Request.IGNORE_MSRS:
    case Request.APIC:
    case Request.CANDIDATES:
      expectLength(payload, 0, requestName(type));
  }
}

function expectLength({ length }: Uint8Array, expected: number, what: string): void {
  if (length !== expected) throw new ProtocolError(`answered ${what} with ${length} bytes (${expected} expected)`);
}

function namesOf<T>(bits: number, names: readonly T[], what: string): T[] {
  if (bits >>> names.length !== 0) throw new ProtocolError(`states unknown ${what} in HELLO (${hex(bits)})`);
  return names.filter((_, bit) => (bits >>> bit) & 1);
}

function utf8(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ProtocolError(`sent text in ${what} that is not UTF-8`);
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
