/**
 * Time to expose: cases until each planted bug shows, for the generator, for uniform random sampling and for plain
 * fast-check properties, and how fast full-size filters are drawn.
 *
 *   node bench/expose.ts [--seeds N] [--rival-seeds N] [--accesses N] [--limit N] [--resume FILE] [--write]
 *
 * Finished seeds are kept in the file named by --resume: a run that was stopped goes on where it was.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { documentOf } from './expose/document.ts';
import { drawingBench, generationBench } from './expose/generation.ts';
import { type Run, Runs } from './expose/runs.ts';
import { RIVALS, type SamplerName } from './expose/samplers.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '20' },
    'rival-seeds': { type: 'string', default: '3' },
    accesses: { type: 'string', default: '256' },
    limit: { type: 'string', default: '10000' },
    resume: { type: 'string', default: 'results/expose.json' },
    write: { type: 'boolean', default: false },
  },
});

const kept = new Runs(values.resume);
const limit = Number(values.limit);
const accesses = Number(values.accesses);
const runs: Run[] = [];

function measure(sampler: SamplerName, seed: number): void {
  const run = kept.get({ sampler, seed, accesses, limit });
  runs.push(run);
  const found = Object.keys(run.found).length;
  console.log(`${sampler}, seed ${seed}: ${found} bugs within ${limit} cases, ${run.seconds} s`);
}

for (let seed = 1; seed <= Number(values.seeds); seed++) measure('msrdiff', seed);
for (let seed = 1; seed <= Number(values['rival-seeds']); seed++) for (const rival of RIVALS) measure(rival, seed);

const options = `--seeds ${values.seeds} --rival-seeds ${values['rival-seeds']} --accesses ${accesses} --limit ${limit}`;
const command = `npm run expose -- ${options} --write`;
const [generation, drawing] = [generationBench(), drawingBench(accesses)];
const text = documentOf({ command, accesses, limit, runs, generation, drawing });
if (values.write) writeFileSync('docs/exposure.md', text);
else console.log(`\n${text}`);
