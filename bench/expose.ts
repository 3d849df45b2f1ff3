/**
 * Time to expose: cases until each planted bug shows, for the generator, for uniform random sampling and for plain
 * fast-check properties, and how fast full-size filters are drawn.
 *
 *   node bench/expose.ts [--seeds N] [--rival-seeds N] [--accesses N] [--limit N] [--resume FILE] [--write]
 */
import { parseArgs } from 'node:util';
import { type Run, Runs } from './expose/runs.ts';
import { RIVALS, type SamplerName } from './expose/samplers.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '20' },
    'rival-seeds': { type: 'string', default: '20' },
    accesses: { type: 'string', default: '256' },
    limit: { type: 'string', default: '10000' },
    resume: { type: 'string', default: 'results/expose.json' },
    write: { type: 'boolean', default: false },
  },
});

const runs = new Runs(values.resume);
const limit = Number(values.limit);
const accesses = Number(values.accesses);
const results: Run[] = [];

function measure(sampler: SamplerName, seed: number): void {
  const run = runs.get({ sampler, seed, accesses, limit });
  results.push(run);
  const found = Object.keys(run.found).length;
  console.log(`${sampler}, seed ${seed}: ${found} bugs within ${limit} cases, ${run.seconds} s`);
}

for (let seed = 1; seed <= Number(values.seeds); seed++) measure('msrdiff', seed);
for (let seed = 1; seed <= Number(values['rival-seeds']); seed++) for (const rival of RIVALS) measure(rival, seed);
