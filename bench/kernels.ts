/**
 * How fast real kernels are: start, base measurement, and cases of one filter and 16 accesses per second.
 * Usage: node dist/bench/kernels.js [ENGINE...]; default: every kernel engine that is available here.
 */
import { cacheFolder } from '../src/engines/kernel/cache.ts';
import { listKernels } from '../src/engines/kernel/kernel-store.ts';
import { availability } from '../src/engines/kernel/machines.ts';
import { closeEngines, engineSpecs, loadEngines } from '../src/engines/registry.ts';
import { Runner } from '../src/engines/runner.ts';
import { BaseTable } from '../src/model/base.ts';
import { findProfile } from '../src/model/profile.ts';
import type { Scenario } from '../src/model/scenario.ts';

const ACCESSES = 16;
/** Cases that are begun ahead. */
const AHEAD = 64;
const SLICES = 7;
const SLICE_MS = 1000;

/** Exit mask 7, a filter with one range of 64 MSRs at random, 16 accesses in and around it. */
function scenario(seed: number): Scenario {
  let state = seed;
  const random = (bound: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * bound);
  };
  const base = [0x0, 0x160, 0x800, 0xc000_0080][random(4)]! + random(32);
  const bitmap = Uint8Array.from({ length: 8 }, () => random(256));
  return {
    events: [
      { kind: 'cap', mask: 7n },
      { kind: 'filter', filter: { flags: random(2), ranges: [{ flags: 3, nmsrs: 64, base, bitmap }] } },
      {
        kind: 'access',
        batch: {
          indices: Uint32Array.from({ length: ACCESSES }, () => base + random(80)),
          types: Uint8Array.from({ length: ACCESSES }, () => random(2)),
        },
      },
    ],
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >>> 1]!;
}

async function measure(name: string): Promise<void> {
  const start = performance.now();
  const engines = await loadEngines(engineSpecs([name], []));
  try {
    const engine = engines[0]!;
    const ready = performance.now();
    const { profile, rows, description } = engine.kernel!.measure();
    const measured = performance.now();
    const runner = new Runner(engine, { profile: findProfile(profile)!, base: new BaseTable(rows) });
    let number = 0;
    const rates = Array.from({ length: SLICES }, () => {
      const began = performance.now();
      let cases = 0;
      while (performance.now() - began < SLICE_MS) {
        const batch = Array.from({ length: AHEAD }, () => scenario(++number));
        for (const one of batch) runner.begin(one);
        for (const one of batch) runner.run(one, ACCESSES);
        cases += AHEAD;
      }
      return (cases * 1000) / (performance.now() - began);
    });
    const seconds = (ms: number): string => (ms / 1000).toFixed(1);
    const [low, high] = [Math.min(...rates), Math.max(...rates)].map((rate) => Math.round(rate));
    process.stdout.write(
      `${name}: ready in ${seconds(ready - start)} s, base measured in ${seconds(measured - ready)} s, ` +
        `${Math.round(median(rates))} cases/s (median of ${SLICES}; ${low} to ${high}); ${description}\n`,
    );
  } finally {
    closeEngines(engines);
  }
}

const all = [
  'kvm',
  ...listKernels(cacheFolder()).flatMap(({ version }) => [`kvm-svm@${version}`, `kvm-vmx@${version}`]),
];
const wanted = process.argv.length > 2 ? process.argv.slice(2) : all.filter((name) => availability(name).available);
for (const name of wanted) await measure(name);
