/** `msrdiff nightly`: a night from its configuration to its exit code. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { Exit } from '../model/exit.ts';
import { Interruption } from '../nightly/child.ts';
import { loadConfig } from '../nightly/config.ts';
import { runNight } from '../nightly/night.ts';
import type { NightReport, StepReport } from '../nightly/report.ts';
import { callsFor, headline } from '../nightly/reports/headline.ts';
import { jsonOption, positiveNumber } from './options.ts';
import { line } from './render.ts';
import { VERSION } from './version.ts';

interface NightlyOptions {
  readonly config?: string;
  readonly budget?: number;
  readonly json?: boolean;
}

export function addNightly(program: Command): void {
  program
    .command('nightly')
    .description('campaign, conformance, re-check and proofs within a time budget, compared with the last night')
    .option('--config <file>', 'what to do: docs/nightly.md (default: msrdiff.config.ts, .js, .mjs or .json)')
    .option('--budget <seconds>', "instead of the configuration's", positiveNumber)
    .addOption(jsonOption())
    .action(async (options: NightlyOptions) => {
      process.exitCode = await nightly(options);
    });
}

async function nightly(options: NightlyOptions): Promise<number> {
  const loaded = await loadConfig(options.config);
  const settings = { ...loaded, budget: options.budget ?? loaded.budget };
  const interruption = new Interruption();
  const onSignal = (): void => {
    // The second time, with no step running, there are reports at most to be lost.
    if (interruption.requested && !interruption.running) process.exit(Exit.INTERRUPTED);
    interruption.request();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  // With --json, standard output is the report alone.
  const out = options.json ? process.stderr : process.stdout;
  try {
    const night = await runNight(settings, {
      main: fileURLToPath(new URL('main.js', import.meta.url)),
      version: VERSION,
      interruption,
      onStep: (step) => out.write(`${stepLine(step)}\n`),
      onWarning: (warning) => process.stderr.write(`msrdiff: ${line(warning)}\n`),
    });
    const folder = join(settings.reports, night.folder);
    if (options.json) process.stdout.write(`${JSON.stringify({ ...night, reports: folder })}\n`);
    else process.stdout.write(`${summary(night, folder)}\n`);
    return night.exitCode;
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

function stepLine({ kind, name, state, seconds, message }: StepReport): string {
  const time = state === 'skipped' ? '' : `, ${seconds.toFixed(1)} s`;
  return line(`${kind} ${name}: ${state}${time}${message ? `: ${message}` : ''}`);
}

function summary(night: NightReport, folder: string): string {
  return [
    `${headline(night)}; ${night.divergences.length} divergences seen`,
    ...callsFor(night).map(line),
    `reports ${folder}`,
  ].join('\n');
}
