/**
 * The planted-bug suite: how soon each bug is found, and what its reproducers are reduced to.
 *
 *   node bench/planted.ts [--seeds N] [--only ID[,ID...]] [--json] [--write] [--combined]
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { PLANTED_BUGS } from '../test/planted/catalogue.ts';
import { combinedText, summarize, tableOf } from '../test/planted/report.ts';
import { type BugResult, BugRun, profileOf, runCombined } from '../test/planted/suite.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '20' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    combined: { type: 'boolean', default: false },
    forms: { type: 'boolean', default: false },
  },
});

const only = values.only?.split(',');
const bugs = PLANTED_BUGS.filter(({ id, group }) => !only || only.includes(id) || only.includes(group));
if (bugs.length === 0) throw new Error(`no planted bug is named ${values.only}`);

const results: BugResult[] = [];
for (const bug of values.combined && !values.write ? [] : bugs) {
  const result = new BugRun(bug).all(Number(values.seeds));
  results.push(result);
  if (values.json) continue;
  console.log(tableOf([result]).split('\n')[2]);
  if (values.forms) {
    for (const form of result.forms) {
      const of = result.seeds.filter((seed) => seed.form === form);
      console.log(
        `   ${of.length} x size ${of[0]!.size}, calls ${of.map((s) => s.evaluations).join()}: ${form.replaceAll(/\s+/g, ' ')}`,
      );
    }
  }
}
const profiles = [...new Set(bugs.map(profileOf))];
const combined = values.combined
  ? profiles.map((profile) => {
      const together = bugs.filter((bug) => profileOf(bug) === profile);
      const result = runCombined(together, profile, 1, 4);
      if (!values.json) console.log(combinedText(result, values.forms));
      return result;
    })
  : [];

if (values.json) console.log(JSON.stringify({ summary: summarize(results), combined }));
else if (results.length > 0) console.log(summarize(results).text);
if (values.write) {
  const command = `npm run planted -- --write${values.combined ? ' --combined' : ''}`;
  const text = [
    '# Planted bugs',
    '',
    `Faulty variants of the engines (\`test/planted\`), each found and reduced from ${values.seeds} seeds.`,
    `Written by \`${command}\`.`,
    '',
    `${summarize(results).text}`,
    '',
    ...combined.map((result) => `- ${combinedText(result, false)}`),
    '',
    'Cases until found, predicate calls and milliseconds of the reduction: median and worst. Size: mean over the',
    'seeds, and the smallest possible one, stated by hand (events + accesses + ranges + MSRs). Forms: distinct normal',
    'forms over the seeds.',
    '',
    tableOf(results),
    '',
  ].join('\n');
  writeFileSync('docs/planted-bugs.md', text);
}
