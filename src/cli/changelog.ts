/** `msrdiff changelog`: what changed in behaviour between two generations of the interface. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { findGeneration, GENERATIONS, type Generation, OPTIONS } from '../engines/history/generations.ts';
import { changelog } from '../history/changelog.ts';
import { announcedText } from '../history/markdown.ts';
import { type ChangelogReport, type ChangeReport, reportOf } from '../history/report.ts';
import { Exit } from '../model/exit.ts';
import { jsonOption, positiveInteger, positiveNumber, seedValue } from './options.ts';
import { table } from './render.ts';

const DEFAULT_CASES = 1000;

interface ChangelogCliOptions {
  readonly from: Generation;
  readonly to: Generation;
  readonly cases: number;
  readonly seconds?: number;
  readonly seed: bigint;
  readonly json?: boolean;
}

function generationValue(text: string): Generation {
  const generation = findGeneration(text);
  if (generation) return generation;
  const names = GENERATIONS.map(({ name }) => name).join(', ');
  const options = OPTIONS.map(({ name }) => `.${name}`).join(', ');
  throw new InvalidArgumentError(
    `Known are ${names}, a profile's id for filter-ID, and, after the proposals, the options ${options}.`,
  );
}

export function addChangelog(program: Command): void {
  program
    .command('changelog')
    .description('behavioural changes between two generations of the interface, each with a witness')
    .addOption(
      new Option('--from <generation>', 'the earlier one: a generation or a profile')
        .argParser(generationValue)
        .makeOptionMandatory(),
    )
    .addOption(new Option('--to <generation>', 'the later one').argParser(generationValue).makeOptionMandatory())
    .addOption(
      new Option('--cases <n>', 'cases of one run; it ends with a run that finds nothing')
        .argParser(positiveInteger)
        .default(DEFAULT_CASES),
    )
    .addOption(new Option('--seconds <n>', 'go on for at least this long').argParser(positiveNumber))
    .addOption(new Option('--seed <n>', 'seed of the cases').argParser(seedValue).default(1n, '1'))
    .addOption(jsonOption())
    .action(({ from, to, cases, seconds, seed, json }: ChangelogCliOptions) => {
      const log = changelog(from, to, { seed, cases, ...(seconds === undefined ? {} : { seconds }) });
      const report = reportOf(log, from, to);
      process.stdout.write(json ? `${JSON.stringify(report)}\n` : `${text(report)}\n`);
      process.exitCode = report.unexplained.length === 0 ? Exit.OK : Exit.DIVERGED;
    });
}

function text({ from, to, changes, unexplained, unseen, cases, totalCases }: ChangelogReport): string {
  const count = changes.length === 1 ? '1 change' : `${changes.length} changes`;
  const lines = [`${from} -> ${to}: ${count}, ${unexplained.length} unexplained; ${totalCases} cases`];
  if (changes.length > 0) {
    const rows = changes.map(({ rule, witness, cases: shown }) => [rule, `${shown} of ${cases}`, witness.text]);
    lines.push('', table([['change', 'cases', 'witness'], ...rows]));
    lines.push(...changes.flatMap(details));
  }
  for (const { rule, why } of unseen) lines.push('', `Differs and does not show: ${rule} (${why})`);
  for (const witness of unexplained) lines.push('', `Unexplained: ${witness.text}`);
  return lines.join('\n');
}

function details({ rule, together, ambiguous, before, after, announced }: ChangeReport): string[] {
  const others = [
    ...(together.length === 0 ? [] : [` (only together with ${together.join(', ')})`]),
    ...(ambiguous.length === 0 ? [] : [` (or ${ambiguous.join(', ')}: nothing around the witness tells)`]),
  ].join('');
  return [
    '',
    `${rule}${others}`,
    `  before: ${before}`,
    `  after: ${after}`,
    `  announced: ${announcedText(announced)}`,
  ];
}
