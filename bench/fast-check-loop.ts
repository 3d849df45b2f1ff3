/**
 * The job of a campaign as one writes it with fast-check alone: arbitraries draw a filter and a batch of 4,096 accesses,
 * the property compares two engines. A process of its own: `fast-check-loop.js SECONDS SEED` prints accesses compared,
 * seconds, and seconds of the processor.
 */
import * as fc from 'fast-check';
import { interval } from '../src/engines/interval.ts';
import { reference } from '../src/engines/reference.ts';
import { catalogueBase } from '../src/model/catalogue.ts';
import { KVM_MSR_FILTER_MAX_BITMAP_SIZE, KVM_MSR_FILTER_MAX_NMSRS, type MsrFilter } from '../src/model/filter.ts';
import { NEWEST_PROFILE } from '../src/model/profile.ts';

const ACCESSES = 4096;
const [seconds, seed] = process.argv.slice(2).map(Number) as [number, number];

const base = fc.oneof(
  fc
    .constantFrom(0, 0x4000_0000, 0x8000_0000, 0xc000_0000, 0xc001_0000)
    .chain((start) => fc.nat(0x3fff).map((offset) => start + offset)),
  fc.nat(0xffff_ffff),
);
const range = fc.record({
  flags: fc.integer({ min: 1, max: 3 }),
  nmsrs: fc.oneof(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: KVM_MSR_FILTER_MAX_NMSRS })),
  base,
  bitmap: fc.uint8Array({ minLength: KVM_MSR_FILTER_MAX_BITMAP_SIZE, maxLength: KVM_MSR_FILTER_MAX_BITMAP_SIZE }),
});
const filter = fc.record({
  flags: fc.nat(1),
  ranges: fc.array(range, { minLength: 1, maxLength: 16, size: 'max' }),
});
/** One word per access, from which the property makes it: an arbitrary per access would take most of the time. */
const words = fc.uint32Array({ minLength: ACCESSES, maxLength: ACCESSES, size: 'max' });

const indices = new Uint32Array(ACCESSES);
const types = new Uint8Array(ACCESSES);

function aim({ ranges }: MsrFilter, random: Uint32Array): void {
  for (let i = 0; i < ACCESSES; i++) {
    const word = random[i]!;
    const { base, nmsrs } = ranges[((word >>> 8) & 0xff) % ranges.length]!;
    const kind = (word >>> 1) & 7;
    types[i] = word & 1;
    if (kind === 0) indices[i] = Math.imul(word, 0x9e37_79b1);
    else if (kind === 1) indices[i] = 0x7f8 + ((word >>> 16) % 0x110);
    else if (kind < 4) indices[i] = base + (kind === 2 ? 0 : nmsrs) + ((word >>> 16) % 3) - 1;
    else indices[i] = base + ((word >>> 16) % nmsrs);
  }
}

const config = { profile: NEWEST_PROFILE, base: catalogueBase() };
const vms = [reference, interval].map((engine) => engine.createVm(config));
const verdicts = vms.map(() => new Uint8Array(ACCESSES));
const routes = new Uint8Array(ACCESSES);
let compared = 0;

const property = fc.property(filter, words, (drawn, random) => {
  aim(drawn, random);
  for (const [i, vm] of vms.entries()) {
    if (vm.setFilter(drawn, 'normal') !== 0) throw new Error('the filter was rejected');
    vm.access({ indices, types }, verdicts[i]!, routes);
  }
  compared += ACCESSES;
  return Buffer.compare(verdicts[0]!, verdicts[1]!) === 0;
});

const begun = performance.now();
fc.assert(property, { seed, numRuns: 1e9, interruptAfterTimeLimit: seconds * 1000, markInterruptAsFailure: false });
const { user, system } = process.cpuUsage();
process.stdout.write(`${compared} ${(performance.now() - begun) / 1000} ${(user + system) / 1e6}\n`);
