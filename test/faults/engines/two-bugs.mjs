/**
 * An engine with two bugs that look alike, and a fault on request: MSRDIFF_FAULT names it. It strikes at each decision
 * about the MSR MSRDIFF_FAULT_ON; or once, at the MSRDIFF_FAULT_AT'th decision of a thread, if the file
 * MSRDIFF_FAULT_ONCE is not there, and makes it.
 */
import { closeSync, openSync } from 'node:fs';
import { allowed as decide } from '../../../examples/decision-engine.mjs';

const { MSRDIFF_FAULT: fault, MSRDIFF_FAULT_ON: on, MSRDIFF_FAULT_AT: at, MSRDIFF_FAULT_ONCE: once } = process.env;
let decisions = 0;

function hoard() {
  const kept = [];
  // Boxed, so that it is the heap that grows.
  for (;;) kept.push(Array.from({ length: 10_000 }, (_, i) => ({ i })));
}

const STRIKES = {
  exit: () => process.exit(3),
  throw: () => {
    throw new Error('assertion failed');
  },
  hang: () => {
    for (;;);
  },
  garbage: () => 'perhaps',
  memory: hoard,
  crash: () => process.kill(process.pid, 'SIGSEGV'),
  reject: () => void Promise.reject(new Error('nobody waits for this')),
  timer: () =>
    void setTimeout(() => {
      throw new Error('out of time');
    }, 200),
};

function strikes(index) {
  if (on !== undefined) return index === Number(on);
  if (fault === undefined || ++decisions !== Number(at)) return false;
  try {
    closeSync(openSync(once, 'wx'));
    return true;
  } catch {
    return false;
  }
}

const isWrong = (filter, index) =>
  filter !== null && (filter.ranges.length > 2 ? (index & 1) === 1 : (index & 3) === 2);

export const name = 'two-bugs';

export function allowed(filter, index, write) {
  if (strikes(index)) {
    const instead = STRIKES[fault]();
    if (instead !== undefined) return instead;
  }
  return decide(filter, index, write) !== isWrong(filter, index);
}
