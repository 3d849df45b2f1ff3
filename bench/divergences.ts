/** What divergences cost: a campaign that finds one in every case against one that finds none, the engines alike. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CampaignRun, runCampaign } from './fuzz-process.ts';
import { type BenchOptions, number, type Section } from './report.ts';
import { Samples } from './statistics.ts';

const HONEST = new URL('../../examples/decision-engine.mjs', import.meta.url);

/** The same engine twice: one answers what the example does, the other the opposite. */
function writeEngine(folder: string, name: string, operator: '' | '!'): string {
  const path = join(folder, `${name}.mjs`);
  const source = `import { allowed as decide } from ${JSON.stringify(HONEST.href)};
export const name = '${name}';
export const allowed = (filter, index, write) => ${operator}decide(filter, index, write);
`;
  writeFileSync(path, source);
  return path;
}

export async function divergences({ folder, processRounds, seconds, say }: BenchOptions): Promise<Section> {
  const engines = { right: writeEngine(folder, 'right', ''), wrong: writeEngine(folder, 'wrong', '!') };
  const rates = new Samples();
  const last: Record<string, CampaignRun> = {};
  for (let round = 1; round <= processRounds; round++) {
    say(`divergences: round ${round} of ${processRounds}`);
    for (const [name, path] of Object.entries(engines)) {
      const args = ['--seed', String(round), '--seconds', String(seconds), '--workers', '1'];
      const run = await runCampaign(folder, [
        ...args,
        '--engines',
        'reference,interval,vmx,svm',
        '--engine-module',
        path,
      ]);
      rates.note(name, run.accesses / run.seconds);
      last[name] = run;
    }
  }
  const { right, wrong } = rates.medians() as Record<keyof typeof engines, number>;
  const row = (title: string, name: keyof typeof engines, rate: number): string[] => {
    const { cases, divergences: found } = last[name]!;
    const sum = found.reduce((total, one) => total + one.cases, 0);
    return [title, number(rate / 1e6), String(found.length), (sum / cases).toFixed(2)];
  };
  return {
    name: 'divergences',
    tables: [
      {
        title: `Divergences: five engines, one worker, runs of ${seconds} s`,
        head: ['fifth engine', 'million accesses per second', 'distinct divergences', 'per case'],
        rows: [row('right', 'right', right), row('always wrong', 'wrong', wrong)],
      },
    ],
    figures: [
      {
        what: 'accesses per second: a divergence in every case / none',
        value: wrong / right,
        aim: { atLeast: 0.5 },
      },
    ],
    charts: [],
    data: { perSecond: { right, wrong }, last },
  };
}
