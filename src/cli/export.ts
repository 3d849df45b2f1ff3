/** `msrdiff export`: a divergence in the form that somebody else can run. */
import { writeFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { EXPORT_FORMATS, type ExportFormat, exportText } from '../export/export-text.ts';
import { InputError } from '../model/input-error.ts';
import { parseJsonText } from '../model/json-text.ts';
import { findProfile, type KernelProfile, NEWEST_PROFILE } from '../model/profile.ts';
import { parseScenario } from '../model/scenario-json.ts';
import { databaseOption, profileValue } from './options.ts';
import { sourceOf } from './scenario-source.ts';

interface ExportOptions {
  readonly database: string;
  readonly format: ExportFormat;
  readonly out?: string;
  readonly profile?: KernelProfile;
}

export function addExport(program: Command): void {
  program
    .command('export')
    .argument('<id|file>', 'a stored divergence, or a scenario as JSON')
    .description('write a divergence as a program or a file that needs no database')
    .addOption(
      new Option('--format <name>', 'c: a program for /dev/kvm; json: the scenario')
        .choices(EXPORT_FORMATS)
        .default('c'),
    )
    .option('--out <file>', 'where to (default: standard output)')
    .addOption(new Option('--profile <name>', 'kernel whose rules apply (default: as stored)').argParser(profileValue))
    .addOption(databaseOption())
    .action(async (source: string, options: ExportOptions) => {
      const { scenario: text, divergence } = await sourceOf(source, options.database);
      const scenario = parseScenario(parseJsonText(text, source), source);
      const profile = options.profile ?? findProfile(divergence?.profile ?? NEWEST_PROFILE.id)!;
      const title = divergence
        ? `Divergence ${divergence.id}: ${divergence.kind} of ${divergence.subject}`
        : `Scenario ${source}`;
      const output = exportText(options.format, { title, scenario, text, profile });
      if (options.out === undefined) process.stdout.write(output);
      else write(options.out, output);
    });
}

function write(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new InputError(`${path} cannot be written (${(error as NodeJS.ErrnoException).code}): check the path`);
  }
}
