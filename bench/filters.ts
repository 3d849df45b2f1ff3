/**
 * What the commands for filters take. `msrdiff diff` for two filters of 16 ranges and 12,288 MSRs each, complete over
 * 2^33 accesses: from the filters in memory to the sets of all accesses that differ. `msrdiff compile` for policies of
 * 5,000 scattered MSRs. Medians in milliseconds of the processor, and on the clock, which counts what others do on a
 * shared machine.
 */
import { compile } from '../src/filters/compile/compile-policy.ts';
import { install } from '../src/filters/decisions.ts';
import { difference } from '../src/filters/difference.ts';
import { policyDecisions } from '../src/filters/policy/policy.ts';
import { KVM_MSR_FILTER_MAX_BITMAP_SIZE, KVM_MSR_FILTER_MAX_NMSRS, type MsrFilter } from '../src/model/filter.ts';
import { NEWEST_PROFILE } from '../src/model/profile.ts';
import { cpuMs, median } from './statistics.ts';

const RUNS = 201;
const RANGES = 16;
/** Of two words of a bitmap, the bits are random in one of so many. */
const SPARSE = 64;

type Fill = (byte: number) => number;

const random: Fill = () => Math.floor(Math.random() * 256);
const FILLS: readonly (readonly [string, Fill, Fill])[] = [
  ['random bits', random, random],
  ['random in one byte of 64', () => 0, (byte) => (byte % SPARSE === 0 ? random(byte) : 0)],
  ['alternating bits', () => 0x55, () => 0xaa],
];

function filter(fill: Fill, shift: number): MsrFilter {
  const range = (slot: number) => ({
    flags: 3,
    base: slot * 0x1000_0000 + shift,
    nmsrs: KVM_MSR_FILTER_MAX_NMSRS,
    bitmap: Uint8Array.from({ length: KVM_MSR_FILTER_MAX_BITMAP_SIZE }, (_, byte) => fill(byte)),
  });
  return { flags: 1, ranges: Array.from({ length: RANGES }, (_, slot) => range(slot)) };
}

for (const [name, first, second] of FILLS) {
  const [times, processor]: [number[], number[]] = [[], []];
  let changes = 0;
  for (let run = 0; run < RUNS; run++) {
    const [a, b] = [filter(first, 0), filter(second, 7)];
    const [start, cpu] = [performance.now(), cpuMs()];
    const [before, after] = [install(a, NEWEST_PROFILE), install(b, NEWEST_PROFILE)];
    const found = difference(before.decisions, after.decisions);
    times.push(performance.now() - start);
    processor.push(cpuMs() - cpu);
    changes = found.reduce((sum, { lost, won }) => sum + (lost.edges.length + won.edges.length) / 2, 0);
  }
  const figures = `${median(processor).toFixed(1)} ms of the processor, ${median(times).toFixed(1)} ms on the clock`;
  process.stdout.write(`diff, 16 ranges of 12,288 MSRs, ${name}: median ${figures}; ${changes} ranges of indices\n`);
}

/** Policies of so many MSRs, each with actions of its own, over spaces of so many indices. */
const SCATTERED = 5000;
const SPACES = [60_000, 3_000_000, 2 ** 32 - 1];
const COMPILE_RUNS = 15;

const anyAction = () => (Math.random() < 0.5 ? 'allow' : 'deny') as 'allow' | 'deny';

for (const space of SPACES) {
  const times: number[] = [];
  let outcome = '';
  for (let run = 0; run < COMPILE_RUNS; run++) {
    const rules = Array.from({ length: SCATTERED }, () => {
      const index = Math.floor(Math.random() * space);
      return { msrs: [{ first: index, last: index }], read: anyAction(), write: anyAction() };
    });
    const cpu = cpuMs();
    const compiled = compile(policyDecisions({ default: 'deny', rules }), 1, NEWEST_PROFILE);
    times.push(cpuMs() - cpu);
    outcome = compiled.kind === 'filter' ? `${compiled.filter.ranges.length} ranges` : 'no filter, and the closest';
  }
  process.stdout.write(
    `compile, ${SCATTERED} MSRs of ${space}: median ${median(times).toFixed(0)} ms of the processor; ${outcome}\n`,
  );
}
