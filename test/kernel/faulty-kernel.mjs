/**
 * A kernel that is wrong on purpose: runs an engine process, passes the protocol's frames through in both directions,
 * and makes one mistake. Usage: faulty-kernel.mjs FAULT COMMAND ARGS...
 */
import { spawn } from 'node:child_process';

const CAP = 0x11;
const FILTER = 0x10;
const RESET = 0x03;
const ACCESS = 0x15;
const ANSWER = 0x80;
const HEADER = 12;
const UNMAPPED = 0xffffffff;

/** Offsets of the ranges of a FILTER payload. */
function rangesOf(payload) {
  const offsets = [];
  let at = HEADER;
  for (let n = payload.readUInt32LE(8); n > 0; n--) {
    offsets.push(at);
    const size = payload.readUInt32LE(at + 12);
    at += 16 + (size === UNMAPPED ? 0 : size);
  }
  return offsets;
}

/** By name: what becomes of a request, and of the answer to an ACCESS. Both change the payload in place. */
const FAULTS = {
  /** A range ends one MSR early. */
  'range-end': {
    request(type, payload) {
      if (type !== FILTER) return;
      for (const at of rangesOf(payload)) {
        const nmsrs = payload.readUInt32LE(at + 4);
        // Not where the bitmap would be a word shorter: that would be a second fault, in what the ioctl reads.
        if (nmsrs % 64 !== 1 && nmsrs > 1 && nmsrs <= 12288) payload.writeUInt32LE(nmsrs - 1, at + 4);
      }
    },
  },
  /** A filter that denies is not taken back when filtering is switched off. */
  'stale-filter': {
    request(type, payload) {
      if (type !== FILTER || payload.readUInt32LE(4) !== 0 || rangesOf(payload).length !== 0) return;
      // One bit of the filter flags that the ioctl rejects: the old filter stays; the answer is mended below.
      payload.writeUInt32LE(2, 4);
    },
    errno(request, payload) {
      if (request.readUInt32LE(4) === 2 && rangesOf(request).length === 0) payload.writeInt32LE(0, 0);
    },
  },
  /** Denied writes of the SYSCALL MSRs are let through. */
  'syscall-writes': {
    verdict(index, write, verdict) {
      return write && index >= 0xc0000081 && index <= 0xc0000084 && verdict === 2 ? 0 : verdict;
    },
  },
  /** Denials are deflected although the mask has no FILTER. */
  'mask-without-filter': {
    request(type, payload) {
      if (type === CAP && payload.readUInt32LE(0) === 188 && payload.readBigUInt64LE(8) === 3n) {
        payload.writeBigUInt64LE(7n, 8);
      }
    },
  },
  /** Reads in 0x800-0x8ff are filtered: DEFAULT_DENY denies them. */
  'x2apic-filtered': {
    denies: false,
    /** Requests run ahead of answers: what is in force goes with the request. */
    request(type, payload) {
      if (type === RESET) this.denies = false;
      if (type === FILTER && payload.readUInt32LE(4) < 2) this.denies = payload.readUInt32LE(4) === 1;
      return this.denies;
    },
    verdict(index, write, verdict, denies) {
      return denies && !write && index >>> 8 === 8 && verdict === 4 ? 2 : verdict;
    },
  },
};

const [name, command, ...args] = process.argv.slice(2);
const fault = FAULTS[name];
if (!fault || !command) {
  process.stderr.write(`usage: faulty-kernel.mjs ${Object.keys(FAULTS).join('|')} COMMAND ARGS...\n`);
  process.exit(2);
}
const kernel = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
/** Requests that have not been answered. */
const pending = [];

/** Calls `onFrame(type, payload, frame)` for every whole frame of a stream. */
function frames(stream, onFrame) {
  let rest = Buffer.alloc(0);
  stream.on('data', (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= HEADER && rest.length >= HEADER + rest.readUInt32LE(0)) {
      const end = HEADER + rest.readUInt32LE(0);
      const frame = Buffer.from(rest.subarray(0, end));
      rest = rest.subarray(end);
      onFrame(frame[8], frame.subarray(HEADER), frame);
    }
  });
}

frames(process.stdin, (type, payload, frame) => {
  const state = fault.request?.(type, payload);
  pending.push({ payload, state });
  kernel.stdin.write(frame);
});
process.stdin.on('end', () => kernel.stdin.end());
frames(kernel.stdout, (type, payload, frame) => {
  const request = pending.shift();
  if (type === (ACCESS | ANSWER) && fault.verdict) {
    const count = request.payload.readUInt32LE(0);
    for (let i = 0; i < count; i++) {
      const index = request.payload.readUInt32LE(8 + 4 * i);
      payload[i] = fault.verdict(index, request.payload[8 + 4 * count + i] === 1, payload[i], request.state);
    }
  }
  if (type === (FILTER | ANSWER)) fault.errno?.(request.payload, payload);
  process.stdout.write(frame);
});
kernel.on('exit', (code) => process.exit(code ?? 1));
