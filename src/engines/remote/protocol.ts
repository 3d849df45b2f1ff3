/** The vocabulary of the engine protocol, version 1: docs/engine-protocol.md. */
import { oneLine } from '../../model/input-error.ts';
import type { EventKind } from '../contract.ts';

export const MAGIC = 0x4452_534d;
export const VERSION = 1;
export const HEADER_BYTES = 12;
/** Most bytes of one payload. */
export const MAX_PAYLOAD = 1 << 24;

/** Types of requests. */
export const Request = {
  HELLO: 0x01,
  CONFIG: 0x02,
  RESET: 0x03,
  FILTER: 0x10,
  CAP: 0x11,
  IGNORE_MSRS: 0x12,
  APIC: 0x13,
  CANDIDATES: 0x14,
  ACCESS: 0x15,
  REPLY: 0x16,
  STATS: 0x20,
  RACE: 0x21,
  RUN: 0x22,
} as const;
export type Request = (typeof Request)[keyof typeof Request];

const NAMES = new Map<number, string>(Object.entries(Request).map(([name, type]) => [type, name]));

export function requestName(type: Request): string {
  return NAMES.get(type)!;
}

/** Set in the type of an answer. */
export const ANSWER = 0x80;
/** Type of an answer that carries a message instead of a result. */
export const ERROR = 0xff;

/** Bits of HELLO's flags. */
export const HelloFlag = { ROUTES: 1, STATS: 2, RACE: 4, KERNEL: 8, RUN: 16 } as const;

/** Kinds of events by bit of HELLO's events. */
export const PROTOCOL_EVENTS = [
  'filter',
  'cap',
  'ignoreMsrs',
  'apic',
  'candidates',
  'access',
  'reply',
] as const satisfies readonly EventKind[];

/** Bytes that are no message of the protocol. The message is one line and says what was wrong with them. */
export class ProtocolError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(oneLine(message), options);
  }
}
