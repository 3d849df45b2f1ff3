/** `msrdiff conform`: recorded ground truth against engines. */
import { type Command, Option } from 'commander';
import { type ConformReport, conformFile } from '../corpus/conform.ts';
import { readGroundTruth } from '../corpus/ground-truth.ts';
import { closeEngines, engineSpecs, loadEngines } from '../engines/registry.ts';
import type { KernelProfile } from '../model/profile.ts';
import { Exit } from './exit.ts';
import { collect, commandOption, jsonOption, moduleOption, profileValue } from './options.ts';
import { resultName, table } from './render.ts';

interface ConformOptions {
  readonly engine?: string[];
  readonly engineModule?: string[];
  readonly engineCommand?: string[];
  readonly profile?: KernelProfile;
  readonly json?: boolean;
}

export function addConform(program: Command): void {
  program
    .command('conform')
    .argument('<files...>', 'recordings, *.jsonl.gz or *.jsonl')
    .description('run recordings of real kernels through engines: exit code 0 when every answer is the same')
    .option('--engine <name>', 'a built-in engine (repeatable; default: reference and interval)', collect)
    .addOption(moduleOption())
    .addOption(commandOption())
    .addOption(
      new Option('--profile <name>', "rules to apply (default: the recorded kernel's)").argParser(profileValue),
    )
    .addOption(jsonOption())
    .action(async (files: string[], options: ConformOptions) => {
      const { engineModule: modules = [], engineCommand: commands = [] } = options;
      const names = options.engine ?? (modules.length + commands.length > 0 ? [] : ['reference', 'interval']);
      const engines = await loadEngines(engineSpecs(names, modules, commands));
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
    });
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
