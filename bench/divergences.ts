/** What divergences cost: campaigns that find one in every case against one that finds none, the engines alike. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CampaignRun, runCampaign } from './fuzz-process.ts';
import { type BenchOptions, number, type Section } from './report.ts';
import { Samples } from './statistics.ts';

const HONEST = new URL('../../examples/decision-engine.mjs', import.meta.url);

/** The fifth engine, by name: what the example answers, inverted where the expression is true. */
const WRONG_WHERE = { right: 'false', 'wrong-64th': '(index & 63) === 0', wrong: 'true' } as const;
type Fifth = keyof typeof WRONG_WHERE;
const FIFTHS = Object.keys(WRONG_WHERE) as Fifth[];

const TITLES: Readonly<Record<Fifth, string>> = {
  right: 'right',
  'wrong-64th': 'wrong about every 64th MSR',
  wrong: 'wrong about every MSR',
};

export function writeEngine(folder: string, name: Fifth): string {
  const path = join(folder, `${name}.mjs`);
  const source = `import { allowed as decide } from ${JSON.stringify(HONEST.href)};
export const name = '${name}';
export const allowed = (filter, index, write) => decide(filter, index, write) !== (${WRONG_WHERE[name]});
`;
  writeFileSync(path, source);
  return path;
}

export async function divergences({ folder, processRounds, seconds, say }: BenchOptions): Promise<Section> {
  const rates = new Samples();
  const last: Partial<Record<Fifth, CampaignRun>> = {};
  for (let round = 1; round <= processRounds; round++) {
    say(`divergences: round ${round} of ${processRounds}`);
    for (const name of FIFTHS) {
      const args = ['--seed', String(round), '--seconds', String(seconds), '--workers', '1'];
      const engines = ['--engines', 'reference,interval,vmx,svm', '--engine-module', writeEngine(folder, name)];
      const run = await runCampaign(folder, [...args, ...engines]);
      rates.note(name, run.accesses / run.cpuSeconds);
      last[name] = run;
    }
  }
  const perSecond = rates.medians() as Record<Fifth, number>;
  const row = (name: Fifth): string[] => {
    const { cases, divergences: found } = last[name]!;
    const sum = found.reduce((total, one) => total + one.cases, 0);
    return [TITLES[name], number(perSecond[name] / 1e6), String(found.length), (sum / cases).toFixed(2)];
  };
  return {
    name: 'divergences',
    tables: [
      {
        title: `Divergences: five engines, one worker, runs of ${seconds} s`,
        head: ['fifth engine', 'million accesses per second of the processor', 'distinct divergences', 'per case'],
        rows: FIFTHS.map(row),
      },
    ],
    figures: FIFTHS.slice(1).map((name) => ({
      what: `accesses per second, an engine ${TITLES[name]} / right`,
      value: perSecond[name] / perSecond.right,
      aim: { atLeast: 0.5 },
    })),
    charts: [],
    data: { perSecond, last },
  };
}
