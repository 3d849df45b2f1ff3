/** `msrdiff compile`: the smallest filter for a policy. `msrdiff canonicalize`: the smallest for a filter. */
import { type Command, Option } from 'commander';
import { type Compiled, compile } from '../filters/compile/compile-policy.ts';
import { bytesOf, type DefaultAction, type Obstacle } from '../filters/compile/smallest-filter.ts';
import { install } from '../filters/decisions.ts';
import { accessesIn } from '../filters/difference.ts';
import { textOf } from '../filters/formats/read.ts';
import { FILTER_FORMATS, type FilterFormat, writeFilter } from '../filters/formats/write.ts';
import { policyDecisions } from '../filters/policy/policy.ts';
import { parsePolicy } from '../filters/policy/policy-json.ts';
import { readFilterFile, readSmallFile } from '../filters/read-filter.ts';
import { Exit } from '../model/exit.ts';
import { KVM_MSR_FILTER_MAX_RANGES, type MsrFilter } from '../model/filter.ts';
import { filterToJson } from '../model/filter-json.ts';
import { InputError } from '../model/input-error.ts';
import { parseJsonText } from '../model/json-text.ts';
import type { KernelProfile } from '../model/profile.ts';
import { resultName } from '../model/result-name.ts';
import { accessCounts, changesJson, changeTable } from './change-table.ts';
import { jsonOption, profileOption } from './options.ts';
import { refuseTerminal, writeOutput } from './output.ts';

interface FilterOutput {
  readonly out?: string;
  readonly format: FilterFormat;
  readonly profile: KernelProfile;
  readonly json?: boolean;
}

interface CompileOptions extends FilterOutput {
  readonly closest?: boolean;
}

export function addCompile(program: Command): void {
  filterOutput(
    program
      .command('compile')
      .argument('<policy>', 'JSON: docs/filters-diff.md')
      .description('the smallest filter that implements a policy, proven; exit code 1 if there is none'),
  )
    .option('--closest', 'where there is none, write the filter that comes closest')
    .action((path: string, options: CompileOptions) => {
      process.exitCode = compileFile(path, options);
    });
}

export function addCanonicalize(program: Command): void {
  filterOutput(
    program
      .command('canonicalize')
      .argument('<filter>', 'JSON or struct kvm_msr_filter: docs/formats.md')
      .description('the smallest filter that decides all 2^33 accesses in the same way'),
  ).action((path: string, options: FilterOutput) => {
    canonicalize(path, options);
  });
}

function filterOutput(command: Command): Command {
  return command
    .option('--out <file>', 'where the filter goes (default: standard output)')
    .addOption(new Option('--format <name>', 'form of the filter').choices(FILTER_FORMATS).default('json'))
    .addOption(profileOption())
    .addOption(jsonOption());
}

function compileFile(path: string, options: CompileOptions): Exit {
  refuseTerminal(options.format === 'binary', options.out);
  const policy = parsePolicy(parseJsonText(textOf(readSmallFile(path), path), path), path);
  const compiled = compile(policyDecisions(policy), policy.default === 'allow' ? 0 : 1, options.profile);
  const filter = compiled.kind === 'filter' ? compiled.filter : options.closest ? compiled.closest : undefined;
  if (options.json) process.stdout.write(`${JSON.stringify(compiledJson(compiled))}\n`);
  else say(compiledText(compiled), filter, options);
  if (filter) hand(filter, options);
  return compiled.kind === 'filter' ? Exit.OK : Exit.DIVERGED;
}

function canonicalize(path: string, options: FilterOutput): void {
  refuseTerminal(options.format === 'binary', options.out);
  const { profile } = options;
  const before = readFilterFile(path);
  const { errno, decisions } = install(before, profile);
  if (errno !== 0) {
    throw new InputError(
      `${path}: ${profile.id} rejects it with ${resultName('errno', errno)}: nothing to canonicalize`,
    );
  }
  const compiled = compile(decisions, (before.flags & 1) as DefaultAction, profile);
  if (compiled.kind === 'none') throw new Error('a filter that is accepted has an equivalent one');
  const { filter } = compiled;
  const slots = before.ranges.filter(({ nmsrs }) => nmsrs > 0).length;
  const [from, to] = [`${slots} ranges, ${bytesOf(before)} bytes`, sizeText(filter)];
  if (options.json) {
    const size = { ranges: slots, bytes: bytesOf(before) };
    process.stdout.write(`${JSON.stringify({ ...compiledJson(compiled), before: size })}\n`);
  } else say(`${from} of bitmaps -> ${to}; all 2^33 decisions are the same`, filter, options);
  hand(filter, options);
}

/** The filter has standard output to itself, so that it can be redirected. */
function say(text: string, filter: MsrFilter | undefined, { out }: FilterOutput): void {
  (filter && out === undefined ? process.stderr : process.stdout).write(`${text}\n`);
}

function hand(filter: MsrFilter, { out, format, json }: FilterOutput): void {
  if (out !== undefined) writeOutput(out, writeFilter(filter, format));
  else if (!json) process.stdout.write(writeFilter(filter, format));
}

function sizeText(filter: MsrFilter): string {
  const { ranges } = filter;
  return `${ranges.length} range${ranges.length === 1 ? '' : 's'}, ${bytesOf(filter)} bytes of bitmaps`;
}

function compiledText(compiled: Compiled): string {
  const lines = [];
  if (compiled.kind === 'filter') {
    lines.push(`${sizeText(compiled.filter)}; all 2^33 decisions are the policy's; no filter has fewer ranges`);
  } else {
    lines.push(`no filter implements this policy:`, ...compiled.obstacles.map(obstacleText));
    lines.push(
      `what comes closest and allows nothing that is to be denied: ${sizeText(compiled.closest)}`,
      `it denies ${accessCounts(compiled.lost)} that are to be allowed:`,
      changeTable(compiled.lost, 'decisions'),
    );
  }
  const [reads, writes] = compiled.unfilterable;
  if (reads + writes > 0) {
    lines.push(
      `note: the policy denies ${reads} RDMSR and ${writes} WRMSR of x2APIC MSRs (0x800-0x8ff), which filters do not ` +
        'apply to: they stay allowed',
    );
  }
  return lines.join('\n');
}

function obstacleText({ defaultAction, unnameable, ranges, exact }: Obstacle): string {
  const parts: string[] = [];
  if (unnameable.length > 0) {
    const directions = unnameable.map((type) => (type === 0 ? 'RDMSR' : 'WRMSR')).join(' and ');
    parts.push(`${directions} 0xffffffff cannot be named by a range (base + nmsrs wraps to 0)`);
  }
  if (ranges > KVM_MSR_FILTER_MAX_RANGES) {
    parts.push(`it takes ${exact ? '' : 'at least '}${ranges} ranges, and there are ${KVM_MSR_FILTER_MAX_RANGES}`);
  }
  return `  with DEFAULT_${defaultAction === 0 ? 'ALLOW' : 'DENY'}: ${parts.join('; ')}`;
}

function compiledJson(compiled: Compiled): Record<string, unknown> {
  const [read, write] = compiled.unfilterable;
  const unfilterable = { read, write };
  if (compiled.kind === 'filter') {
    const { filter, bytes } = compiled;
    return { kind: 'filter', ranges: filter.ranges.length, bytes, filter: filterToJson(filter), unfilterable };
  }
  const { obstacles, closest, lost } = compiled;
  return {
    kind: 'none',
    obstacles: obstacles.map(({ defaultAction, unnameable, ranges, exact }) => ({
      default: defaultAction === 0 ? 'allow' : 'deny',
      unnameable: unnameable.map((type) => (type === 0 ? 'r' : 'w')),
      ranges,
      exact,
    })),
    closest: filterToJson(closest),
    accesses: accessesIn(lost),
    lost: changesJson(lost, 'decisions'),
    unfilterable,
  };
}
