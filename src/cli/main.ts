#!/usr/bin/env node
/** The command line: parses arguments, runs a command, turns errors into one line and an exit code. */
import { Command, CommanderError } from 'commander';
import { Exit } from '../model/exit.ts';
import { VERSION } from './version.ts';

/** Error codes of ours that say that the input is wrong. */
const INPUT_CODES: ReadonlySet<string> = new Set(['MSRDIFF_INPUT', 'MSRDIFF_STORE']);

/** By name, in the order of the help; loaded when they are run, as all of them take several times as long as one. */
const COMMANDS: Record<string, () => Promise<(program: Command) => void>> = {
  fuzz: async () => (await import('./fuzz.ts')).addFuzz,
  worker: async () => (await import('./worker.ts')).addWorker,
  list: async () => (await import('./list.ts')).addList,
  show: async () => (await import('./show.ts')).addShow,
  triage: async () => (await import('./triage.ts')).addTriage,
  replay: async () => (await import('./replay.ts')).addReplay,
  minimize: async () => (await import('./minimize.ts')).addMinimize,
  export: async () => (await import('./export.ts')).addExport,
  serve: async () => (await import('./serve.ts')).addServe,
  explain: async () => (await import('./explain.ts')).addExplain,
  lint: async () => (await import('./lint.ts')).addLint,
  diff: async () => (await import('./diff.ts')).addDiff,
  compile: async () => (await import('./compile.ts')).addCompile,
  canonicalize: async () => (await import('./compile.ts')).addCanonicalize,
  import: async () => (await import('./import.ts')).addImport,
  builders: async () => (await import('./builders.ts')).addBuilders,
  prove: async () => (await import('./prove.ts')).addProve,
  conform: async () => (await import('./conform.ts')).addConform,
  changelog: async () => (await import('./changelog.ts')).addChangelog,
  nightly: async () => (await import('./nightly.ts')).addNightly,
  init: async () => (await import('./init.ts')).addInit,
  engines: async () => (await import('./engines.ts')).addEngines,
  kernel: async () => (await import('./kernel.ts')).addKernel,
  doctor: async () => (await import('./doctor.ts')).addDoctor,
};

async function build(name = ''): Promise<Command> {
  const program = new Command('msrdiff')
    .description('Differential fuzzing harness for KVM MSR-filter engines')
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError('(see msrdiff --help)')
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'msrdiff: ')) });
  const one = Object.hasOwn(COMMANDS, name) ? [COMMANDS[name]!] : Object.values(COMMANDS);
  for (const load of one) (await load())(program);
  for (const command of program.commands) command.exitOverride();
  return program;
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? Exit.OK : Exit.USAGE;
  const { code, message } = error as { code?: string; message?: string };
  if (code === 'EPIPE') return Exit.OK;
  const text = String(message ?? error).split('\n')[0];
  if (code === 'MSRDIFF_ENGINE' || code === 'MSRDIFF_QUEUE') {
    process.stderr.write(`msrdiff: ${text}\n`);
    return Exit.ENGINE_UNAVAILABLE;
  }
  if (code !== undefined && INPUT_CODES.has(code)) {
    process.stderr.write(`msrdiff: ${text}\n`);
    return Exit.USAGE;
  }
  process.stderr.write(`msrdiff: internal error: ${text} (please report it; MSRDIFF_DEBUG=1 shows where)\n`);
  if (process.env.MSRDIFF_DEBUG) process.stderr.write(`${(error as Error).stack}\n`);
  return Exit.INTERNAL;
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader such as head(1) that has seen enough.
  if (error.code === 'EPIPE') process.exit(Exit.OK);
  throw error;
});

try {
  const program = await build(process.argv[2]);
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}
