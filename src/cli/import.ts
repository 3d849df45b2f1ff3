/** `msrdiff import`: a filter from one form to another. */
import { type Command, Option } from 'commander';
import { exemptIndices } from '../filters/compile/smallest-filter.ts';
import { type Decisions, install } from '../filters/decisions.ts';
import { formatList } from '../filters/formats/list.ts';
import { formatOf, readFilterBytes, SOURCE_FORMATS, type SourceFormat } from '../filters/formats/read.ts';
import { FILTER_FORMATS, type FilterFormat, writeFilter } from '../filters/formats/write.ts';
import type { Action } from '../filters/policy/policy.ts';
import { readSmallFile } from '../filters/read-filter.ts';
import { KVM_MSR_FILTER_DEFAULT_DENY, type MsrFilter } from '../model/filter.ts';
import { InputError } from '../model/input-error.ts';
import type { KernelProfile } from '../model/profile.ts';
import { resultName } from '../model/result-name.ts';
import { profileOption } from './options.ts';
import { refuseTerminal, writeOutput } from './output.ts';

interface ImportOptions {
  readonly from: 'auto' | SourceFormat;
  readonly to: FilterFormat | 'list';
  readonly name?: string;
  readonly out?: string;
  readonly profile: KernelProfile;
}

export function addImport(program: Command): void {
  program
    .command('import')
    .argument('<file>', 'a filter: docs/filters-diff.md')
    .description('read a filter in any form, and write it in another')
    .addOption(
      new Option('--from <name>', 'its form')
        .choices(['auto', ...SOURCE_FORMATS])
        .default('auto', 'what the file looks like'),
    )
    .addOption(new Option('--to <name>', 'the form to write').choices([...FILTER_FORMATS, 'list']).default('json'))
    .option('--name <name>', 'for C with several filters: the variable')
    .option('--out <file>', 'where it goes (default: standard output)')
    .addOption(profileOption())
    .action((path: string, options: ImportOptions) => {
      const { to, out, name } = options;
      refuseTerminal(to === 'binary', out);
      const bytes = readSmallFile(path);
      const from = options.from === 'auto' ? formatOf(bytes, path) : options.from;
      const filter = readFilterBytes(bytes, from, path, { name });
      const written = to === 'list' ? listOf(filter, path, options.profile) : writeFilter(filter, to);
      if (out === undefined) process.stdout.write(written);
      else writeOutput(out, written);
    });
}

/** A list says what a filter decides, so there is one only of a filter that a kernel accepts. */
function listOf(filter: MsrFilter, path: string, profile: KernelProfile): string {
  const { errno, decisions } = install(filter, profile);
  if (errno === 0) return formatList(...filtered(decisions, filter, profile));
  throw new InputError(
    `${path}: ${profile.id} rejects it with ${resultName('errno', errno)}: it decides nothing to list`,
  );
}

/** Where a filter does not apply it says nothing: there a list has the default. */
function filtered(decisions: Decisions, { flags }: MsrFilter, profile: KernelProfile): [Decisions, Action] {
  const exempt = exemptIndices(profile);
  const [read, write] = decisions;
  if ((flags & KVM_MSR_FILTER_DEFAULT_DENY) === 0) return [[read.or(exempt), write.or(exempt)], 'allow'];
  return [[read.without(exempt), write.without(exempt)], 'deny'];
}
