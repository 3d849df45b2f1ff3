/** docs/exposure.md, written from the runs. */
import {
  type BugRow,
  type Exposure,
  foundWithin,
  groupRatios,
  hardest,
  inReach,
  type RivalSummary,
  rowsOf,
  seedsOf,
  summariesOf,
} from './figures.ts';
import type { GenerationRow } from './generation.ts';
import type { Run } from './runs.ts';
import { RIVALS, SAMPLERS, type SamplerName } from './samplers.ts';

/** What is asked for, of the median ratio and of filters per second. */
const AIM = 100;
/** Of names of bugs, in the text. */
const LONGEST_LIST = 50;
const ALL = Object.keys(SAMPLERS) as SamplerName[];

export interface Measurement {
  readonly command: string;
  readonly accesses: number;
  readonly limit: number;
  readonly runs: readonly Run[];
  readonly generation: readonly GenerationRow[];
  /** Milliseconds per case. */
  readonly drawing: ReadonlyMap<SamplerName, number>;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const figure = (value: number): string => (value < 10 ? value.toFixed(1) : value.toFixed(0));
const grouped = (value: number): string => Math.round(value).toLocaleString('en-US');

function exposureText({ median, found, seeds }: Exposure): string {
  if (found === 0) return 'never';
  return found === seeds ? `${median}` : `${median} (${found} of ${seeds} seeds)`;
}

const HOW = `All samplers draw scenarios of one shape for the same engines, with the same number of accesses. The first filter comes
after up to 3 other events; up to 3 steps of one event and more accesses follow.

- **msrdiff**: the generator of campaigns, unsteered.
- **uniform**: 1 to 16 ranges; range flags 1 to 3, nmsrs 1 to 12,288, default action and replies uniform; base, MSR
  index of accesses and of pass-through changes uniform in 32 bits, exit mask in 64; bitmaps of random bytes; delivery
  of filters and form of accesses uniform over those that exist. Nothing invalid but exit masks and deliveries.
- **uniform, informed**: the same by somebody who knows the subject. Exit masks 0 to 7, one in 8 any; every eighth filter
  has one rare thing in it (a field from its whole type, an empty slot, no range at all, a bitmap too short or
  unmapped); half of the pass-through changes name an MSR of the catalogue; half of the deliveries and accesses are the
  plain ones.
- **fast-check**: the values of "uniform" from \`fc.integer\`, \`fc.bigInt\`, \`fc.uint8Array\`, \`fc.array\`, \`fc.record\`,
  \`fc.oneof\` and \`fc.constantFrom\`, with fast-check's bias to small values and the ends of a type, in one
  \`fc.property\` with as many runs as the limit. All accesses are drawn one by one.
- **fast-check, informed**: the same with the knowledge of "uniform, informed".

A bug counts as shown when its engine is first seen to differ from the engine it was made of, as in
[planted-bugs.md](planted-bugs.md). A ratio is the rival's median over its seeds, divided by the generator's; where the
rival finds nothing the limit stands for it, so ratios are lower bounds.`;

export function documentOf(measurement: Measurement): string {
  const { command, accesses, limit, runs } = measurement;
  const rows = rowsOf(runs);
  const seeds = ALL.map((name) => `${name} ${seedsOf(runs, name)}`).join(', ');
  return [
    '# Time to expose',
    '',
    'Cases until each planted bug shows: msrdiff beside uniform random sampling and plain fast-check properties.',
    `Written by \`${command}\`: ${rows.length} bugs, ${accesses} accesses per case, at most ${grouped(limit)} cases;`,
    `seeds: ${seeds}.`,
    '',
    HOW,
    '',
    '## Result',
    '',
    ...result(rows),
    '',
    'Median ratio by group of bugs:',
    '',
    table(
      ['group', 'bugs', ...RIVALS],
      groupRatios(rows).map(({ group, bugs, ratios }) => [group, `${bugs}`, ...ratios.map(figure)]),
    ),
    '',
    '## Survival',
    '',
    'Share of all pairs of bug and seed that were found within so many cases:',
    '',
    survival(runs, limit),
    '',
    ...hardestText(rows),
    '',
    '## Generation',
    '',
    ...generationText(measurement.generation),
    '',
    'The cases of the tables above are drawn in, milliseconds each (engines and comparison not counted):',
    '',
    table(ALL, [ALL.map((name) => measurement.drawing.get(name)!.toFixed(2))]),
    '',
    '## Every bug',
    '',
    'Cases until found: median and worst of msrdiff; median of the rivals.',
    '',
    table(
      ['bug', 'msrdiff', ...RIVALS],
      rows.map(({ bug, own, rivals }) => [
        bug.id,
        `${own.median} / ${own.worst ?? 'not found'}`,
        ...rivals.map(exposureText),
      ]),
    ),
    '',
  ].join('\n');
}

function result(rows: readonly BugRow[]): string[] {
  const summaries = summariesOf(rows);
  return [
    table(
      ['rival', 'median ratio', 'bugs in reach', 'ceiling', 'bugs >= 100', 'bugs >= 10', 'bugs < 1', 'never found'],
      summaries.map(({ name, medianRatio, medianInReach, ceiling, hundredfold, tenfold, faster, never }) => [
        name,
        `>= ${figure(medianRatio)}`,
        `>= ${figure(medianInReach)}`,
        figure(ceiling),
        ...[hundredfold, tenfold, faster, never.length].map(String),
      ]),
    ),
    '',
    `In reach: over the ${rows.filter(({ bug }) => inReach(bug)).length} bugs whose smallest scenario the rivals without knowledge can draw. The others take`,
    'an invalid filter, an empty one or an empty slot; the informed rivals can draw nearly all of them. Ceiling: the median',
    'ratio that a generator would have which needs one case for every bug.',
    '',
    `The aim is a median ratio of ${AIM}:`,
    '',
    ...summaries.map(verdictOn),
    '',
    ...READING,
    '',
    ...summaries
      .filter(({ never }) => never.length > 0 && never.length <= LONGEST_LIST)
      .map(({ name, never }) => `- Never found by ${name}: ${never.join(', ')}.`),
  ];
}

function verdictOn({ name, medianRatio, ceiling }: RivalSummary): string {
  if (medianRatio >= AIM) return `- ${name}: reached, at least ${figure(medianRatio)}.`;
  const reach = ceiling < AIM ? `, and out of reach: no generator can do better than ${figure(ceiling)}` : '';
  return `- ${name}: **falls short**, ${figure(medianRatio)}${reach}.`;
}

const READING = [
  'Bugs that a new VM shows, or that any exit mask or default action shows, have ratios near 1 by nature. What fast-check',
  'gains, it gains by its bias: bases, indices and sizes of 0 and of the ends of their types meet each other, so that',
  'starts of ranges, wrap-around and the order of ranges often show within tens of cases. Knowledge of the subject gains more than',
  'either sampling: the informed rivals find most of what the ioctls do wrong, some of it before the generator does, which',
  'draws such events less often. What is left to the generator are rare constants (the x2APIC window, sizes next to the',
  'limit) and what takes several events in order: an exit, a change, a reply. There the rivals mostly find nothing within',
  'the limit, and the ratio says only how large the limit was.',
];

function survival(runs: readonly Run[], limit: number): string {
  const powers: number[] = [];
  for (let cases = 1; cases <= limit; cases *= 10) powers.push(cases);
  return table(
    ['sampler', ...powers.map(grouped)],
    ALL.map((name) => [name, ...powers.map((cases) => percent(foundWithin(runs, name, cases)))]),
  );
}

function hardestText(rows: readonly BugRow[]): string[] {
  const { bug, own, rivals } = hardest(rows);
  const others = RIVALS.map((name, i) => `${name} ${exposureText(rivals[i]!)}`).join('; ');
  return [
    `The hardest bug for msrdiff is \`${bug.id}\` (${bug.title}): median ${own.median} cases, worst`,
    `${own.worst ?? 'not found'}. The rivals: ${others}.`,
  ];
}

function generationText(rows: readonly GenerationRow[]): string[] {
  const own = rows[0]!;
  return [
    'Full-size filters per second: 16 ranges of 12,288 MSRs with random bitmaps. The rivals are plain fast-check',
    '(`fc.record`, without bias) with `fc.uint8Array` and with `fc.int32Array` for bitmaps; short rounds, interleaved; medians.',
    'The ratio is that of each round, so that the load of the machine does not count.',
    '',
    table(
      ['what draws', 'filters per second', 'msrdiff is faster'],
      rows.map((row) => [
        row.name,
        grouped(row.filtersPerSecond),
        row === own ? '' : `${figure(row.behind)} x${row.behind < AIM ? ` (short of ${AIM})` : ''}`,
      ]),
    ),
    '',
    'That both draw one distribution is tested in `src/fuzz/distribution.test.ts`: chi-square tests of the features of',
    'filters between the generator and the arbitrary `msrFilter()`, and of the bits of full-size filters between the',
    'generator, plain fast-check and fair bits, at a significance of 0.001 for all tests of one kind (Bonferroni),',
    'with proofs that a small skew is told apart.',
  ];
}
