/**
 * The reference engine (built, from dist/) as a process that speaks the engine protocol, with a fault on request:
 *
 *   faulty-engine.mjs [FAULT [at=N | on=INDEX] [once=FILE]] [ended=FILE]
 *
 * A fault strikes at the process's Nth ACCESS, or at every ACCESS with that MSR index, or, without either, at the
 * start. With `once`, it strikes when the file does not exist, and makes it. With `ended`, it makes that file when it
 * ends by itself.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { ReferenceVm } from '../../dist/src/engines/reference.js';
import { BaseTable } from '../../dist/src/model/base.js';
import { findProfile } from '../../dist/src/model/profile.js';
import { ACCESS_FORMS, FILTER_DELIVERIES } from '../../dist/src/model/scenario.js';
import { decodeRequest } from './requests.mjs';

const [FILTER, CAP, IGNORE_MSRS, APIC, ACCESS, REPLY] = [0x10, 0x11, 0x12, 0x13, 0x15, 0x16];

const [fault, ...settings] = process.argv.slice(2);
const options = Object.fromEntries(settings.map((setting) => setting.split('=')));
if (options.ended !== undefined) process.on('exit', () => writeFileSync(options.ended, ''));
let accesses = 0;
let vm;
let config;
/** Set once the process is to say nothing more. */
let silent = false;

function strikes(request) {
  if (options.at === undefined && options.on === undefined) return false;
  if (options.at !== undefined && accesses !== Number(options.at)) return false;
  if (options.on !== undefined && !request.indices.includes(Number(options.on))) return false;
  if (options.once === undefined) return true;
  if (existsSync(options.once)) return false;
  writeFileSync(options.once, '');
  return true;
}

function frame(number, type, payload, length = payload.length) {
  const bytes = Buffer.alloc(12 + payload.length);
  bytes.writeUInt32LE(length, 0);
  bytes.writeUInt32LE(number, 4);
  bytes[8] = type;
  bytes.set(payload, 12);
  return bytes;
}

function i32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function hello() {
  const name = fault === 'bad-name' ? 'white space' : 'faulty';
  const bytes = Buffer.alloc(20 + name.length);
  bytes.writeUInt32LE(fault === 'bad-magic' ? 1 : 0x4452534d, 0);
  bytes.writeUInt16LE(fault === 'bad-version' ? 2 : 1, 4);
  bytes.writeUInt32LE(fault === 'few-events' ? 0x01 : 0x6f, 8);
  bytes.writeUInt32LE(0x1f, 12);
  bytes.writeUInt16LE(name.length, 16);
  bytes.write(name, 18);
  return bytes;
}

/** The payload of a correct answer. */
function answer(type, request) {
  switch (type) {
    case 0x01:
      return hello();
    case 0x02:
      config = { profile: findProfile(request.profile), base: new BaseTable(request.rows) };
      return Buffer.alloc(0);
    case 0x03:
      vm = new ReferenceVm(config);
      return Buffer.alloc(0);
    case FILTER:
      return i32(vm.setFilter(request, FILTER_DELIVERIES[request.delivery]));
    case CAP:
      return i32(vm.enableCap(request));
    case IGNORE_MSRS:
      vm.setIgnoreMsrs(request.on);
      return Buffer.alloc(0);
    case APIC:
      vm.setApicMode(request.mode);
      return Buffer.alloc(0);
    case ACCESS: {
      const verdicts = new Uint8Array(request.indices.length);
      vm.access({ ...request, form: ACCESS_FORMS[request.form] }, verdicts);
      return verdicts;
    }
    case REPLY:
      return i32(vm.reply(request.error));
    default:
      throw new Error(`request of type ${type}`);
  }
}

/** What is sent instead of the answer; nothing: nothing. */
const STRIKES = {
  die: () => void process.kill(process.pid, 'SIGKILL'),
  exit: () => {
    process.stderr.write(`starting\nassertion failed at 0x${(process.pid + 0x10000000).toString(16)}\n`);
    process.exit(3);
  },
  hang: () => {
    silent = true;
  },
  text: () => Buffer.from('Segmentation fault\n'),
  reserved: (number, type, payload) => {
    const bytes = frame(number, type, payload);
    bytes[10] = 1;
    return bytes;
  },
  long: (number, type, payload) => frame(number, type, payload, 0x12345678),
  short: (number, type, payload) => frame(number, type, payload.subarray(1)),
  number: (number, type, payload) => frame(number + 1, type, payload),
  type: (number, type, payload) => frame(number, type ^ 1, payload),
  error: (number) => frame(number, 0xff, Buffer.from('out of virtual machines')),
  'no-verdict': (number, type, payload) => frame(number, type, payload.fill(9)),
  lie: (number, type, payload, request) => {
    for (const [i, index] of request.indices.entries()) if (index === Number(options.on)) payload[i] ^= 1;
    return frame(number, type, payload);
  },
};

function serve(number, type, payload) {
  if (silent || fault === 'no-hello') return;
  const request = decodeRequest(type, payload);
  const result = answer(type, request);
  if (type === ACCESS) accesses++;
  if (type === ACCESS && STRIKES[fault] && strikes(request)) {
    const instead = STRIKES[fault](number, type | 0x80, result, request);
    if (instead) process.stdout.write(instead);
    return;
  }
  // After the strike of another process, the first answer of this one's cases is not what that one gave.
  if (type === CAP && fault === 'forget' && existsSync(options.once)) result.writeInt32LE(-22);
  process.stdout.write(frame(number, type | 0x80, result));
}
STRIKES.forget = STRIKES.die;

if (fault === 'exit-at-once') {
  process.stderr.write('error while loading shared libraries\n');
  process.exit(127);
}
// A process that is deaf to the end of its input.
if (fault === 'deaf') setInterval(() => {}, 1000);

let rest = Buffer.alloc(0);
process.stdin.on('data', (chunk) => {
  rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
  while (rest.length >= 12 && rest.length >= 12 + rest.readUInt32LE(0)) {
    const end = 12 + rest.readUInt32LE(0);
    const [whole, after] = [rest.subarray(0, end), rest.subarray(end)];
    rest = after;
    serve(whole.readUInt32LE(4), whole[8], whole.subarray(12));
  }
});
