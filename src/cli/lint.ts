/** `msrdiff lint`: what the author of a filter would want to be told. */
import { writeFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { atLeast, isLintCode, LINT_CODES, type LintCode, SEVERITIES, type Severity } from '../filters/lint/codes.ts';
import type { Finding } from '../filters/lint/finding.ts';
import { fix } from '../filters/lint/fix.ts';
import { lint } from '../filters/lint/lint.ts';
import { type LintOptions, RELEASED_PROFILES } from '../filters/lint/subject.ts';
import { countText, findingRows } from '../filters/lint/text.ts';
import { profileNames } from '../filters/profile-names.ts';
import { readFilterFile } from '../filters/read-filter.ts';
import type { Vendor } from '../model/catalogue.ts';
import { Exit } from '../model/exit.ts';
import type { MsrFilter } from '../model/filter.ts';
import { filterToJson, formatFilter } from '../model/filter-json.ts';
import { InputError } from '../model/input-error.ts';
import type { KernelProfile } from '../model/profile.ts';
import { maskOption, profilesOption } from './filter-options.ts';
import { jsonOption, nameList } from './options.ts';
import { table } from './render.ts';

interface LintCliOptions {
  readonly mask?: number;
  readonly profile?: readonly KernelProfile[];
  readonly vendor: Vendor | 'both';
  readonly severity: Severity;
  readonly ignore?: readonly LintCode[];
  readonly fix?: boolean;
  readonly out?: string;
  readonly json?: boolean;
}

export function addLint(program: Command): void {
  program
    .command('lint')
    .argument('<filter>', 'a filter, JSON or binary: docs/formats.md')
    .description('find mistakes and surprises in a filter: docs/lint.md; exit code 1 from severity warning on')
    .addOption(maskOption('the exit mask that goes with it: 0 to 7, or inval,unknown,filter (default: not looked at)'))
    .addOption(profilesOption('kernel that it is for (repeatable, or all; default: all that were released)'))
    .addOption(
      new Option('--vendor <name>', 'processors that it is for').choices(['vmx', 'svm', 'both']).default('both'),
    )
    .addOption(new Option('--severity <name>', 'least severity to report').choices(SEVERITIES).default('note'))
    .addOption(new Option('--ignore <codes>', 'codes not to report, separated by commas').argParser(codeList))
    .option('--fix', 'write the filter mended, as far as no decision changes, as JSON')
    .option('--out <file>', 'where to (default: standard output; findings then go to standard error)')
    .addOption(jsonOption())
    .action((path: string, options: LintCliOptions) => {
      if (options.out !== undefined && !options.fix) throw new InputError('--out is where --fix writes: give both');
      run(path, readFilterFile(path), options);
    });
}

function codeList(text: string, before: readonly LintCode[] = []): LintCode[] {
  const codes = nameList(text);
  const unknown = codes.find((code) => !isLintCode(code));
  if (unknown === undefined) return [...before, ...(codes as LintCode[])];
  throw new InvalidArgumentError(`"${unknown}" is none of ${Object.keys(LINT_CODES).join(', ')}.`);
}

function run(path: string, filter: MsrFilter, options: LintCliOptions): void {
  const { profile: profiles = RELEASED_PROFILES, vendor, mask, severity, ignore = [], out, json } = options;
  const lintOptions: LintOptions = { profiles, vendors: vendor === 'both' ? ['vmx', 'svm'] : [vendor], mask };
  const wanted = (entry: Finding): boolean => atLeast(entry.severity, severity) && !ignore.includes(entry.code);
  const fixed = options.fix ? fix(filter, lintOptions) : undefined;
  const findings = (fixed?.left ?? lint(filter, lintOptions)).filter(wanted);
  const bad = findings.some((entry) => atLeast(entry.severity, 'warning'));
  process.exitCode = bad ? Exit.DIVERGED : Exit.OK;
  if (fixed && out !== undefined) write(out, formatFilter(fixed.filter));
  const mended = fixed?.mended.filter(wanted) ?? [];
  if (json) {
    const result = { filter: path, profiles: profiles.map(({ id }) => id), findings };
    const more = fixed ? { mended, fixed: filterToJson(fixed.filter) } : {};
    process.stdout.write(`${JSON.stringify({ ...result, ...more })}\n`);
    return;
  }
  const names = profileNames(profiles.map(({ id }) => id));
  const heading = `${path}: ${countText(findings)} (kernels ${names}; ${vendor === 'both' ? 'vmx, svm' : vendor})`;
  const mends = mended.length === 0 ? '' : `mended: ${countText(mended)}\n${table(findingRows(mended))}\n\n`;
  const rows = findings.length === 0 ? '' : `\n${table(findingRows(findings))}\n`;
  const text = `${mends}${heading}\n${rows}`;
  if (fixed && out === undefined) {
    process.stderr.write(text);
    process.stdout.write(formatFilter(fixed.filter));
  } else process.stdout.write(text);
}

function write(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new InputError(`${path} cannot be written (${(error as NodeJS.ErrnoException).code}): check the path`);
  }
}
