/** `msrdiff conform`: recorded ground truth against engines. */
import { type Command, Option } from 'commander';
import { type ConformReport, conformFile } from '../corpus/conform.ts';
import { readGroundTruth } from '../corpus/ground-truth.ts';
import { closeEngines, engineSpecs, loadEngines } from '../engines/registry.ts';
import { Exit } from '../model/exit.ts';
import { InputError } from '../model/input-error.ts';
import type { KernelProfile } from '../model/profile.ts';
import { resultName } from '../model/result-name.ts';
import { APIC_MODE_NAMES } from '../model/scenario.ts';
import {
  collect,
  commandOption,
  jsonOption,
  type KernelCliOptions,
  kernelOptions,
  kernelOptionsOf,
  moduleOption,
  positiveInteger,
  profileValue,
  seedValue,
} from './options.ts';
import { type RecordCliOptions, record } from './record.ts';
import { table } from './render.ts';

const DEFAULT_CASES = 300;

interface ConformOptions extends KernelCliOptions {
  readonly engine?: string[];
  readonly engineModule?: string[];
  readonly engineCommand?: string[];
  readonly profile?: KernelProfile;
  readonly json?: boolean;
}

export function addConform(program: Command): void {
  const command = program
    .command('conform')
    .argument('[files...]', 'recordings, *.jsonl.gz or *.jsonl')
    .description('run recordings of real kernels through engines: exit code 0 when every answer is the same')
    .option('--engine <name>', 'an engine (repeatable; default: reference and interval)', collect)
    .addOption(moduleOption())
    .addOption(commandOption())
    .addOption(
      new Option('--profile <name>', "rules to apply (default: the recorded kernel's)").argParser(profileValue),
    )
    .option('--record <engine>', 'make a new recording of this kernel instead')
    .option('--out <file>', 'where to, *.jsonl.gz')
    .option('--cases <n>', 'cases to record', positiveInteger, DEFAULT_CASES)
    .option('--seed <n>', 'seed of the cases', seedValue, 1n)
    .addOption(new Option('--apic <mode>', 'APIC mode to record in').choices(APIC_MODE_NAMES).default('none'))
    .addOption(new Option('--path <name>', 'how accesses reach KVM').choices(['direct', 'emulator']).default('direct'))
    .addOption(jsonOption());
  for (const option of kernelOptions()) command.addOption(option);
  command.action(async (files: string[], options: ConformOptions & Partial<RecordCliOptions>) => {
    if (options.record !== undefined) {
      if (files.length > 0) throw new InputError('--record makes a recording: give no files to run');
      await record(options as RecordCliOptions);
      return;
    }
    if (files.length === 0) throw new InputError('no recording is given: name files, or --record ENGINE to make one');
    await run(files, options);
  });
}

async function run(files: readonly string[], options: ConformOptions): Promise<void> {
  const { engineModule: modules = [], engineCommand: commands = [] } = options;
  const names = options.engine ?? (modules.length + commands.length > 0 ? [] : ['reference', 'interval']);
  const engines = await loadEngines(engineSpecs(names, modules, commands, kernelOptionsOf(options)));
  const reports: ConformReport[] = [];
  try {
    for (const path of files) {
      const file = readGroundTruth(path);
      for (const engine of engines) reports.push(conformFile(file, engine, options.profile));
    }
  } finally {
    closeEngines(engines);
  }
  const holds = reports.every(({ mismatches }) => mismatches === 0);
  process.stdout.write(options.json ? `${JSON.stringify({ holds, reports })}\n` : `${text(reports)}\n`);
  process.exitCode = holds ? Exit.OK : Exit.DIVERGED;
}

function text(reports: readonly ConformReport[]): string {
  const header = ['file', 'engine', 'profile', 'cases', 'checks', 'mismatches', 'skipped'];
  const rows = reports.map((r) => [
    r.path,
    r.engine,
    r.profile,
    String(r.cases),
    String(r.checks),
    String(r.mismatches),
    String(r.skipped),
  ]);
  const lines = reports.flatMap(({ path, engine, listed, mismatches }) => {
    const shown = listed.map(({ line, event, access, index, type, expected, got, message }) => {
      const kind = access < 0 ? 'errno' : 'verdict';
      const what = index === undefined ? '' : ` ${type === 1 ? 'WRMSR' : 'RDMSR'} 0x${index.toString(16)}`;
      const answer = message ?? `kernel ${resultName(kind, expected)}, ${engine} ${resultName(kind, got)}`;
      return `${path}:${line}: event ${event}${what}: ${answer}`;
    });
    return mismatches > listed.length ? [...shown, `${path}: ${mismatches - listed.length} more`] : shown;
  });
  return [table([header, ...rows]), ...lines].join('\n');
}
