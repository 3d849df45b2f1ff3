/** `msrdiff export`: a divergence in the form that somebody else can run or read. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { EngineUnavailable } from '../engines/engine-unavailable.ts';
import { EXPORT_FORMATS, type ExportFormat, handOver, isExportFormat } from '../export/hand-over.ts';
import { subjectOfStored } from '../export/stored.ts';
import type { ExportSubject } from '../export/subject.ts';
import { explainStored } from '../fuzz/explain/stored.ts';
import { parseJsonText } from '../model/json-text.ts';
import { type KernelProfile, NEWEST_PROFILE } from '../model/profile.ts';
import { parseScenario } from '../model/scenario-json.ts';
import { Store, type StoredDivergence } from '../store/store.ts';
import type { HistoryEntry } from '../store/triage.ts';
import { commandOption, databaseOption, profileValue } from './options.ts';
import { refuseTerminal, writeOutput } from './output.ts';
import { enginesFor, sourceOf } from './scenario-source.ts';
import { VERSION } from './version.ts';

interface ExportOptions {
  readonly database: string;
  readonly format: ExportFormat;
  readonly out?: string;
  readonly event?: number;
  readonly engineCommand?: string[];
  readonly profile?: KernelProfile;
}

export function addExport(program: Command): void {
  const formats = Object.entries(EXPORT_FORMATS).map(([name, what]) => `${name}: ${what}`);
  program
    .command('export')
    .argument('<id|file>', 'a stored divergence, or a scenario as JSON')
    .description('write a divergence as a file that needs no database: docs/export.md')
    .addOption(new Option('--format <name>', formats.join('; ')).argParser(formatName).default('c'))
    .option('--out <file>', 'where to (default: standard output)')
    .addOption(
      new Option('--event <number>', 'for binary: the event whose filter it is (default: the one in force)').argParser(
        eventNumber,
      ),
    )
    .addOption(new Option('--profile <name>', 'kernel whose rules apply (default: as stored)').argParser(profileValue))
    .addOption(databaseOption())
    .addOption(commandOption())
    .action(async (source: string, options: ExportOptions) => {
      const { format, event, out } = options;
      refuseTerminal(format === 'binary', out);
      const { bytes } = handOver(format, await subjectOf(source, options), { event });
      if (out === undefined) process.stdout.write(bytes);
      else writeOutput(out, bytes);
    });
}

function formatName(text: string): ExportFormat {
  if (isExportFormat(text)) return text;
  throw new InvalidArgumentError(`Known are ${Object.keys(EXPORT_FORMATS).join(', ')}.`);
}

function eventNumber(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give the number of an event, from 0 on.');
}

async function subjectOf(source: string, options: ExportOptions): Promise<ExportSubject> {
  const { scenario: text, divergence } = await sourceOf(source, options.database);
  if (!divergence) {
    const scenario = parseScenario(parseJsonText(text, source), source);
    return { source, scenario, text, profile: options.profile ?? NEWEST_PROFILE, version: VERSION };
  }
  const subject = subjectOfStored(
    divergence,
    await historyOf(divergence.id, options.database),
    VERSION,
    options.profile,
  );
  // Only a report has room for why, which means to run the engines.
  return options.format === 'markdown' ? { ...subject, explanation: await whyOf(divergence, options) } : subject;
}

async function historyOf(id: string, database: string): Promise<HistoryEntry[]> {
  const store = await Store.open(database, { readOnly: true });
  try {
    return await store.history(id);
  } finally {
    await store.close();
  }
}

async function whyOf(
  divergence: StoredDivergence,
  options: ExportOptions,
): Promise<NonNullable<ExportSubject['explanation']>> {
  try {
    const { explanation, refused, lost } = await explainStored(divergence, () => enginesFor(options, divergence));
    return explanation ?? { refused: refused ?? lost ?? 'it no longer diverges' };
  } catch (error) {
    // A report is of use without the engine, which may be on another machine.
    if (!(error instanceof EngineUnavailable)) throw error;
    return { refused: error.message };
  }
}
